// Time ranges as they stand in the address and as people write them: live, relative, absolute.

/** Live: new rows as they come, `windowMs` of the past before them; without it since the start of
 * the query. Past: a part of history with an end, as texts (`now-1h` or an ISO time). */
export type TimeRange =
  | { kind: "live"; windowMs?: number }
  | { kind: "past"; from: string; to: string };

export const LIVE: TimeRange = { kind: "live" };

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** "15m" -> milliseconds; undefined for what is no duration. */
export function durationMs(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(text.trim());
  const unit = found && UNITS[found[2]!];
  return unit ? Number(found[1]) * unit : undefined;
}

/** The largest unit that leaves no rest: 900000 -> "15m". */
export function durationText(ms: number): string {
  for (const unit of ["w", "d", "h", "m", "s"]) {
    const size = UNITS[unit]!;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms)}ms`;
}

const RELATIVE = /^now(?:\s*([-+])\s*(\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w)))?(?:\/([smhdw]))?$/;

/** Milliseconds of `now-15m`, `now/d` (start of the day, UTC), or an ISO time; undefined else. */
export function momentMs(text: string, now: number): number | undefined {
  const words = text.trim();
  const found = RELATIVE.exec(words);
  if (found) {
    const [, sign, span, round] = found;
    const moved = now + (span ? (sign === "-" ? -1 : 1) * durationMs(span)! : 0);
    return round ? Math.floor(moved / UNITS[round]!) * UNITS[round]! : moved;
  }
  if (!/^\d{4}-\d\d-\d\d/.test(words)) return undefined;
  const zoned = /([zZ]|[-+]\d\d:?\d\d)$/.test(words.slice(10));
  const iso = words.replace(" ", "T");
  // Without a zone it is meant as the reader's own time, as a form's field gives it.
  const at = Date.parse(zoned ? iso : words.length === 10 ? `${iso}T00:00:00` : iso);
  return Number.isNaN(at) ? undefined : at;
}

/** Reads `live`, `live-5m`, `now-15m`, `now-1h to now`, `<iso>..<iso>`; undefined for others. */
export function parseRange(text: string): TimeRange | undefined {
  const words = text.trim();
  if (/^live$/i.test(words)) return LIVE;
  const live = /^live\s*-\s*(.+)$/i.exec(words);
  if (live) {
    const windowMs = durationMs(live[1]!);
    return windowMs ? { kind: "live", windowMs } : undefined;
  }
  const parts = words.split(/\.\.|\s+to\s+/);
  if (parts.length > 2) return undefined;
  const from = parts[0]!.trim();
  const to = parts[1]?.trim() || "now";
  const start = momentMs(from, Date.now());
  const end = momentMs(to, Date.now());
  if (start === undefined || end === undefined || start >= end) return undefined;
  return { kind: "past", from, to };
}

export function rangeText(range: TimeRange): string {
  if (range.kind === "live")
    return range.windowMs ? `live-${durationText(range.windowMs)}` : "live";
  return `${range.from}..${range.to}`;
}

/** Start and end of a part of history. */
export function bounds(range: TimeRange, now: number): { from: number; to: number } | undefined {
  if (range.kind === "live")
    return range.windowMs ? { from: now - range.windowMs, to: now } : undefined;
  const from = momentMs(range.from, now);
  const to = momentMs(range.to, now);
  return from === undefined || to === undefined ? undefined : { from, to };
}

function fixed(from: number, to: number): TimeRange {
  return { kind: "past", from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

/** The part between two moments, as dragging on a chart gives it; at least a millisecond wide. */
export function between(from: number, to: number): TimeRange {
  const start = Math.floor(Math.min(from, to));
  return fixed(start, Math.max(Math.ceil(Math.max(from, to)), start + 1));
}

/** Half its width earlier or later. */
export function shifted(range: TimeRange, steps: number, now: number): TimeRange {
  const at = bounds(range, now);
  if (!at) return range;
  const by = ((at.to - at.from) / 2) * steps;
  return fixed(at.from + by, at.to + by);
}

/** Twice as wide around its middle; live only looks further back. */
export function zoomedOut(range: TimeRange, now: number): TimeRange {
  if (range.kind === "live")
    return range.windowMs ? { kind: "live", windowMs: range.windowMs * 2 } : range;
  const at = bounds(range, now);
  if (!at) return range;
  const half = (at.to - at.from) / 2;
  return fixed(at.from - half, at.to + half);
}
