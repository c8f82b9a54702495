// Columns and values as charts see them: kinds of types, times in milliseconds, numbers, texts.
import type { Column } from "@/api/types";
import type { Row, Value } from "@/live/protocol";

export type { Column, Row, Value };
export type Kind = "time" | "number" | "bool" | "text";

/** `nullable(low_cardinality(string))` -> `string`. */
export function bareType(type: string): string {
  let bare = type.trim().toLowerCase();
  for (;;) {
    const inner = /^(?:nullable|low_cardinality)\((.*)\)$/.exec(bare);
    if (!inner?.[1]) return bare;
    bare = inner[1];
  }
}

export function kindOf(type: string): Kind {
  const bare = bareType(type);
  if (/^(date|date32|datetime|datetime64|time)\b/.test(bare)) return "time";
  if (/^(u?int\d*|float\d*|decimal\d*|double|real|bigint|smallint|integer)\b/.test(bare))
    return "number";
  return bare === "bool" || bare === "boolean" ? "bool" : "text";
}

/** The zone of a type such as `datetime64(3, 'Europe/Berlin')`; "" if it names none. */
export function zoneOf(type: string): string {
  return /'([^']+)'/.exec(type)?.[1] ?? "";
}

// Below this a number of seconds since 1970, above it milliseconds.
const SECONDS_MAX = 1e11;
const PLAIN = /^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/;

/** Milliseconds since 1970 of a time as results carry it; NaN if it is none. Texts without a zone are UTC. */
export function timeOf(value: Value | undefined): number {
  if (typeof value === "number") return Math.abs(value) < SECONDS_MAX ? value * 1000 : value;
  if (typeof value !== "string" || value.length < 10) return Number.NaN;
  const text = PLAIN.test(value)
    ? `${value.length === 10 ? `${value}T00:00:00` : value.replace(" ", "T")}Z`
    : value.replace(" ", "T");
  // More than three digits of a second are no part of the standard; browsers cut them.
  return Date.parse(text);
}

const WORDS: Record<string, number> = {
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};

/** A number as results carry it: wide integers and what JSON has no form for come as texts. */
export function numberOf(value: Value | undefined): number {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string" || value === "") return Number.NaN;
  return WORDS[value] ?? Number(value);
}

export function textOf(value: Value | undefined): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function indexOf(columns: Column[], name: unknown): number {
  return typeof name === "string" ? columns.findIndex((column) => column.name === name) : -1;
}
