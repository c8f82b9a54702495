// Calls of the ingest wizard.
import { call, send } from "@/api/client";

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
