// Sends the batches of a file one after another; each has an id, so that none is stored twice.
import { type Batch, bodyOf, lineOf, type Plan, type Rejected, refused, without } from "./plan";

export type Phase = "running" | "stopped" | "done" | "cancelled";

export interface State {
  phase: Phase;
  /** Rows stored. */
  stored: number;
  /** Bytes of the file that were dealt with. */
  read: number;
  rejected: number;
  /** Why it stopped; it can go on from there. */
  error: Error | null;
}

export interface Parts {
  plan: Plan;
  /** Begins the ids of the batches. */
  id: string;
  /** The next batch of the file; null at its end. */
  next: () => Promise<Batch | null>;
  post: (body: string, type: string, id: string, signal: AbortSignal) => Promise<void>;
  rejected: (row: Rejected) => void;
  changed: (state: State) => void;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

// Tried so often before it stops and the reader decides; the waits are 1 to 16 seconds.
const ATTEMPTS = 6;
const WAIT_MS = 1_000;
// A stream that refuses more rows of one batch than this has other types than the plan's.
const REFUSED_MAX = 200;
// The server's codes of a value that it cannot read.
const BAD_VALUE = [117, 53, 6, 43, 72, 27];

/** The part of an ApiError that is looked at. */
interface Answered extends Error {
  status: number;
  code: number;
}

const isAnswered = (error: unknown): error is Answered =>
  error instanceof Error && "status" in error && "code" in error;

/** Row (from 0) and column that a refusal names; null when it names none. */
export function refusedRow(error: unknown): { at: number; column: string; why: string } | null {
  if (!isAnswered(error) || error.status !== 400 || !BAD_VALUE.includes(error.code)) return null;
  const found = /^row (\d+)(?:, column '([^']*)')?: (.*)$/s.exec(error.message);
  if (!found) return null;
  return { at: Number(found[1]) - 1, column: found[2] ?? "", why: found[3] ?? "" };
}

function isPassing(error: unknown): boolean {
  return isAnswered(error) && [0, 408, 429, 500, 502, 503, 504, 507].includes(error.status);
}

export class Run {
  private state: State = { phase: "running", stored: 0, read: 0, rejected: 0, error: null };
  private readonly abort = new AbortController();
  /** What was taken from the file and is not stored yet. */
  private waiting: Batch | null = null;
  private n = 0;

  constructor(private readonly parts: Parts) {}

  /** Until the end of the file, or until it stops; then called again it goes on there. */
  async go(): Promise<void> {
    this.set({ phase: "running", error: null });
    try {
      for (;;) {
        this.waiting ??= await this.parts.next();
        if (this.abort.signal.aborted) break;
        if (!this.waiting) return this.set({ phase: "done" });
        const stored = await this.deliver(this.waiting);
        const { read } = this.waiting;
        this.waiting = null;
        this.n += 1;
        this.set({ stored: this.state.stored + stored, read });
      }
    } catch (error) {
      if (!this.abort.signal.aborted) this.set({ phase: "stopped", error: error as Error });
    }
    if (this.abort.signal.aborted) this.set({ phase: "cancelled" });
  }

  cancel(): void {
    this.abort.abort();
    if (this.state.phase === "stopped") this.set({ phase: "cancelled", error: null });
  }

  /** Counts rows that the reader of the file rejected. */
  count(rejected: number): void {
    this.set({ rejected: this.state.rejected + rejected });
  }

  private set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    this.parts.changed(this.state);
  }

  /** Sends the batch without the rows that the server refuses; how many were stored. */
  private async deliver(all: Batch): Promise<number> {
    const { plan } = this.parts;
    let batch = all;
    for (let n = 0; batch.ns.length; n++) {
      const bad = await this.attempt(batch);
      if (!bad) return batch.ns.length;
      const line = lineOf(batch, bad.at);
      if (!line || n >= REFUSED_MAX)
        throw new Error(`The stream refuses too many rows: ${bad.column} ${bad.why}`);
      this.parts.rejected(refused(line, plan, bad.column, bad.why));
      this.set({ rejected: this.state.rejected + 1 });
      batch = without(batch, bad.at, plan);
      // After a stop it goes on without the rows that are told as rejected already.
      this.waiting = batch;
    }
    return 0;
  }

  /** null: stored. The same id at each attempt: a batch whose answer was lost is stored once. */
  private async attempt(batch: Batch): Promise<ReturnType<typeof refusedRow>> {
    const { body, type } = bodyOf(batch, this.parts.plan);
    for (let n = 1; ; n++) {
      try {
        await this.parts.post(body, type, `${this.parts.id}-${this.n}`, this.abort.signal);
        return null;
      } catch (error) {
        const bad = refusedRow(error);
        if (bad) return bad;
        if (this.abort.signal.aborted || !isPassing(error) || n >= ATTEMPTS) throw error;
        await this.parts.sleep(WAIT_MS * 2 ** (n - 1), this.abort.signal);
      }
    }
  }
}
