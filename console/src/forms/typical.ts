// One event that stands for several: of each key the value that tells most of its type.
import { guessType, TIME_TYPE } from "@/pages/ingest/types";

export type Event = Record<string, unknown>;

/** A message that could not be read stands among the events as its text and why. */
export const isBroken = (event: Event): boolean =>
  "raw" in event && "error" in event && Object.keys(event).length === 2;

/** A message as it came: of one that is no JSON its text. */
export function rawOf(event: Event): string {
  const alone = Object.keys(event).length === 1 || isBroken(event);
  return alone && typeof event.raw === "string" ? event.raw : JSON.stringify(event);
}

/** What a message holds: the object, where its text is one. */
export function contentOf(event: Event): Event {
  if (typeof event.raw !== "string" || Object.keys(event).length > 1) return event;
  try {
    const read: unknown = JSON.parse(event.raw);
    return read && typeof read === "object" && !Array.isArray(read) ? (read as Event) : event;
  } catch {
    return event;
  }
}

/** A fraction over a whole number, a text when the values differ in kind. */
function telling(values: unknown[]): unknown {
  const told = values.filter((value) => value !== null && value !== undefined);
  const kinds = new Set(told.map((value) => (Array.isArray(value) ? "array" : typeof value)));
  if (kinds.size > 1) return "";
  if (kinds.has("number")) return told.find((value) => !Number.isInteger(value)) ?? told[0];
  if (kinds.has("string")) {
    const texts = told.map(String);
    return guessType(texts) === TIME_TYPE ? (texts.find((t) => /\d:\d/.test(t)) ?? "") : "";
  }
  return told[0] ?? null;
}

export function typicalEvent(events: Event[], names: string[]): Event {
  return Object.fromEntries(names.map((name) => [name, telling(events.map((e) => e[name]))]));
}
