// Valid time against knowledge time: what was known when, of rows that carry both.
import type { Range, Value } from "./calls";

/** All times at which something became known, the oldest first. */
export function knownTimes(values: Value[]): string[] {
  return [...new Set(values.flatMap(({ known_time }) => (known_time ? [known_time] : [])))].sort(
    (a, b) => Date.parse(a) - Date.parse(b) || (a < b ? -1 : 1),
  );
}

/** For each valid time the value that was the newest one known at `at`, in order of valid time. */
export function asKnownAt(values: Value[], at: string): Value[] {
  const limit = Date.parse(at);
  const best = new Map<string, Value>();
  for (const value of values) {
    const known = Date.parse(value.known_time ?? "");
    if (!(known <= limit)) continue;
    const old = best.get(value.valid_time);
    if (!old || Date.parse(old.known_time ?? "") <= known) best.set(value.valid_time, value);
  }
  return [...best.values()].sort((a, b) => Date.parse(a.valid_time) - Date.parse(b.valid_time));
}

/** Rows and columns of the heat table. */
export interface Heat {
  known: string[];
  valid: string[];
  cell: (known: string, valid: string) => number | null | undefined;
  low: number;
  high: number;
  bounded: boolean;
}

export function heat(values: Value[], knownMax: number, validMax: number): Heat {
  const known = knownTimes(values).reverse();
  const valid = [...new Set(values.map((one) => one.valid_time))].sort(
    (a, b) => Date.parse(a) - Date.parse(b),
  );
  const cells = new Map(
    values.map((one) => [`${one.known_time} ${one.valid_time}`, one.value] as const),
  );
  const numbers = values.flatMap(({ value }) => (value === null ? [] : [value]));
  return {
    known: known.slice(0, knownMax),
    valid: valid.slice(0, validMax),
    cell: (k, v) => cells.get(`${k} ${v}`),
    low: numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    high: numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    bounded: known.length > knownMax || valid.length > validMax,
  };
}

/** The newest part of a series that is too long to be read whole; all of it when it is not. */
export function newestPart(
  { count, first, last }: { count: number; first: string; last: string },
  valuesMax: number,
): Range {
  if (count <= valuesMax) return {};
  const end = Date.parse(last);
  const start = end - ((end - Date.parse(first)) * valuesMax) / count;
  return { from: new Date(Math.floor(start)).toISOString() };
}

/** `site=north, area=SE3` -> labels; null for what is none. */
export function parseLabels(text: string): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const part of text.split(",").map((one) => one.trim())) {
    if (!part) continue;
    const at = part.indexOf("=");
    if (at < 1) return null;
    found[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return found;
}

/** A time of SQL, which is UTC without saying so. */
export function iso(value: unknown): string {
  if (typeof value !== "string" || !value) return "";
  return /Z$|[+-]\d\d:?\d\d$/.test(value) ? value : `${value.replace(" ", "T")}Z`;
}
