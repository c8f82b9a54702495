// Calls of the ingest wizard.
import { call, send } from "@/api/client";
import type { Schemas } from "@/api/types";

export interface NamedColumn {
  name: string;
  type: string;
}

export const infer = async (event: Record<string, unknown>): Promise<NamedColumn[]> =>
  (await call<Schemas["EventInferResponse"]>("source/infer", { body: { event } })).inferred_columns;

// As many as the server takes at once.
const MATCH_EVENTS_MAX = 100;

export const match = (events: Record<string, unknown>[]): Promise<string[]> =>
  call<string[]>("source/match", { body: { events: events.slice(0, MATCH_EVENTS_MAX) } });

export const createStream = (body: object): Promise<unknown> => call("streams", { body });

/** Stored when it resolves; with the same id a second time it is not stored again. */
export async function postBatch(
  stream: string,
  body: string,
  type: string,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  await send(`streams/${encodeURIComponent(stream)}/ingest`, {
    method: "POST",
    body,
    headers: { "Content-Type": type, "Idempotency-Key": id },
    signal,
  });
}

export async function countRows(stream: string): Promise<number> {
  const sql = `SELECT count() FROM table(${stream})`;
  const answer = await call<{ data: unknown[][] }>("exec", { body: { sql, type: "historical" } });
  return Number(answer.data[0]?.[0] ?? 0);
}
