// Numbers, sizes, ages and times as people read them.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 1234567 -> "1,234,567". */
export const count = (n: number): string => whole.format(n);

/** 1234567 -> "1.2M". */
export const compact = (n: number): string =>
  Math.abs(n) < 10_000 ? whole.format(n) : short.format(n);

/** A rate: small ones with a digit after the point; "" when it is not known. */
export const perSecond = (n: number | undefined): string =>
  n === undefined ? "" : n > 0 && n < 10 ? String(Number(n.toFixed(n < 1 ? 2 : 1))) : compact(n);

/** Bytes -> "1.4 MiB". */
export function bytes(n: number): string {
  let unit = 0;
  let size = n;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(unit && size < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

/** Milliseconds -> "850 ms", "12 s", "3 min", "4 h", "2 d". */
export function age(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** A time of the API (text or milliseconds) in the reader's zone, "" for none. */
export function time(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === "" || value === 0) return "";
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? String(value) : date.toLocaleString();
}

const long = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "long" });

/** A time of rows, with the zone that it is shown in; "" for none. */
export function moment(ms: number | null | undefined): string {
  return ms ? long.format(ms) : "";
}

/** A statement on one line, for lists and titles. */
export const oneLine = (sql: string): string => sql.replaceAll(/\s+/g, " ");
