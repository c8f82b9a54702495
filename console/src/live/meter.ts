// Counts of one query: received, kept, dropped; rate and lag.
import type { Counts } from "./types";

/** Long enough that batches ten times a second give a steady figure. */
const WINDOW_MS = 2_000;

export class Meter {
  private kept = 0;
  private dropped = 0;
  private recent: { at: number; rows: number }[] = [];
  private lagMs: number | null = null;
  private lastRowAt = 0;
  private startedAt: number;

  constructor(now: number) {
    this.startedAt = now;
  }

  /** Rows that are here, and rows that were left out. */
  add(kept: number, dropped: number, now: number): void {
    this.kept += kept;
    this.dropped += dropped;
    if (kept) this.lastRowAt = now;
    const last = this.recent.at(-1);
    if (last?.at === now) last.rows += kept + dropped;
    else this.recent.push({ at: now, rows: kept + dropped });
    while (this.recent[0] && this.recent[0].at <= now - WINDOW_MS) this.recent.shift();
  }

  /** When the newest row happened, by its event time. */
  happened(eventMs: number, now: number): void {
    this.lagMs = Number.isFinite(eventMs) ? Math.max(0, now - eventMs) : null;
  }

  counts(now: number, held: number, heldBytes: number, slow: boolean): Counts {
    const rows = this.recent
      .filter((one) => one.at > now - WINDOW_MS)
      .reduce((sum, one) => sum + one.rows, 0);
    const window = Math.max(1_000, Math.min(WINDOW_MS, now - this.startedAt));
    return {
      received: this.kept + this.dropped,
      kept: this.kept,
      dropped: this.dropped,
      perSecond: Math.round((rows * 1000) / window),
      held,
      heldBytes,
      lagMs: this.lagMs,
      lastRowAt: this.lastRowAt,
      slow,
    };
  }
}
