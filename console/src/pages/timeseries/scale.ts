// Axes of the charts: round numbers and times to write beside them.
const STEPS = [1, 2, 2.5, 5, 10];

/** At most `wanted` + 1 round numbers that cover the range. */
export function ticks(low: number, high: number, wanted: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((one) => one * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const found: number[] = [];
  for (let n = first; n * step <= high + step * 1e-9; n += 1)
    found.push(Number((n * step).toPrecision(12)));
  return found;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIMES = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 180, 365].map((n) => n * DAY),
];

/** Round times of the reader's zone in the range, at most `wanted` + 1. */
export function timeTicks(from: number, to: number, wanted: number): number[] {
  if (!(to > from)) return [from];
  const rough = (to - from) / wanted;
  const step = TIMES.find((one) => one >= rough) ?? ticks(0, rough, 1).at(-1) ?? rough;
  const zone = new Date(from).getTimezoneOffset() * MINUTE;
  const found: number[] = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) found.push(at);
  return found;
}

/** A time as it stands at an axis: as much of it as the range needs. */
export function timeLabel(at: number, range: number): string {
  const date = new Date(at);
  if (range > 2 * DAY)
    return date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return date.toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    ...(range < 5 * MINUTE && { second: "2-digit" }),
  });
}

/** The first time of an axis, which tells the day as well. */
export function dayLabel(at: number, range: number): string {
  const label = timeLabel(at, range);
  if (range > 2 * DAY) return label;
  return `${new Date(at).toLocaleDateString(undefined, { month: "short", day: "numeric" })}, ${label}`;
}

/** A number in at most seven digits. */
export function number(value: number): string {
  return Number(value.toPrecision(7)).toLocaleString("en", { maximumFractionDigits: 6 });
}
