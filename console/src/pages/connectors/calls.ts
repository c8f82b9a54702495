// Calls of the pages of sources and sinks.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas, Sink, Source } from "@/api/types";
import type { Sort } from "@/forms/connectors";
import type { Values } from "@/forms/schema";
import type { Event } from "@/forms/typical";
import { connectors } from "@/text/connectors";

export type Connector = Source | Sink;
export type ConnectorStats = Schemas["Stats"] & Partial<Schemas["SinkStats"]>;

export const REFRESH_MS = 4_000;

export const singular = (sort: Sort): "source" | "sink" => (sort === "sources" ? "source" : "sink");
export const readRight = (sort: Sort): string => `read:${singular(sort)}`;
export const writeRight = (sort: Sort): string => `write:${singular(sort)}`;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** What the server would say of the name of a source, sink or stream; nothing while it is empty. */
export const nameFault = (name: string): string =>
  name && !NAME.test(name) ? connectors.nameRule : "";

const path = (sort: Sort, id: string): string => `${sort}/${encodeURIComponent(id)}`;

export const listQuery = (sort: Sort) =>
  queryOptions({
    queryKey: [sort],
    queryFn: () => call<Connector[]>(sort),
    refetchInterval: REFRESH_MS,
  });

export const oneQuery = (sort: Sort, id: string) =>
  queryOptions({
    queryKey: [sort, id],
    queryFn: () => call<Connector>(path(sort, id)),
    refetchInterval: REFRESH_MS,
  });

export const statsQuery = (sort: Sort, id: string) =>
  queryOptions({
    queryKey: [sort, id, "stats"],
    queryFn: () =>
      call<ConnectorStats>(`${path(sort, id)}/stats`, {
        query: { error_log_time_range: "1d", metrics_time_range: "1h" },
      }),
    refetchInterval: REFRESH_MS,
  });

export const logsQuery = (sort: Sort, id: string, lines: number) =>
  queryOptions({
    queryKey: [sort, id, "logs", lines],
    queryFn: () => call<string[]>(`${path(sort, id)}/logs`, { query: { lines } }),
    refetchInterval: REFRESH_MS,
  });

export const act = (sort: Sort, id: string, verb: "start" | "stop"): Promise<void> =>
  call(`${path(sort, id)}/${verb}`, { method: "POST" });

export const remove = (sort: Sort, id: string): Promise<void> =>
  call(path(sort, id), { method: "DELETE" });

export interface Change {
  name: string;
  description: string;
  properties: Values;
}

export const change = (sort: Sort, id: string, body: Change): Promise<Connector> =>
  call<Connector>(path(sort, id), { method: "PATCH", body });

export const create = (sort: Sort, body: object): Promise<Connector> =>
  call<Connector>(sort, { body });

export const replay = (
  sort: Sort,
  id: string,
  where: string,
  limit: number,
): Promise<Schemas["ReplayLettersResponse"]> =>
  call(`${path(sort, id)}/dlq/replay`, { body: { limit, ...(where.trim() && { where }) } });

export const preview = (
  type: string,
  properties: Values,
  size: number,
  timeout: string,
  signal: AbortSignal,
): Promise<Event[]> =>
  call<Event[]>("source/preview", { body: { type, properties, size, timeout }, signal });
