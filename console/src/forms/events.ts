// Events looked at before anything is stored: their columns, the streams that take them.
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import type { NamedColumn } from "./ColumnList";
import { type Event, isBroken, typicalEvent } from "./typical";

const inferOne = async (event: Event): Promise<NamedColumn[]> =>
  (await call<Schemas["EventInferResponse"]>("source/infer", { body: { event } })).inferred_columns;

/** The columns of a stream for such events: a key that is missing or empty in one counts too. */
export function infer(events: Event[]): Promise<NamedColumn[]> {
  const good = events.filter((event) => !isBroken(event));
  return inferOne(typicalEvent(good, [...new Set(good.flatMap((event) => Object.keys(event)))]));
}

// As many as the server takes at once.
const MATCH_EVENTS_MAX = 100;

/** Names of the streams that take all of the events, the best first. */
export const match = (events: Event[]): Promise<string[]> =>
  call<string[]>("source/match", {
    body: { events: events.filter((one) => !isBroken(one)).slice(0, MATCH_EVENTS_MAX) },
  });
