// Calls of the pages of streams and views.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas, Stream, View } from "@/api/types";
import { quoted } from "@/forms/sql";

export type StreamStats = Schemas["StreamStatsResponse"];
export type MaterializedView = Schemas["MaterializedView"];
export type ViewStats = Schemas["MaterializedViewStats"];
export type ColumnsResp = Schemas["ColumnsResp"];

export const REFRESH_MS = 5_000;

const path = (kind: string, name: string): string => `${kind}/${encodeURIComponent(name)}`;

export const streamsQuery = queryOptions({
  queryKey: ["streams", { expand: true }],
  queryFn: () => call<Stream[]>("streams", { query: { expand: true } }),
  refetchInterval: REFRESH_MS,
});

export const streamQuery = (name: string) =>
  queryOptions({
    queryKey: ["streams", name],
    queryFn: () => call<Stream>(path("streams", name)),
    refetchInterval: REFRESH_MS,
  });

export const streamStatsQuery = (name: string, historyDays: number) =>
  queryOptions({
    queryKey: ["streams", name, "stats", historyDays],
    queryFn: () => call<StreamStats>(`${path("streams", name)}/stats`, { query: { historyDays } }),
    refetchInterval: REFRESH_MS,
  });

export const viewsQuery = queryOptions({
  queryKey: ["views"],
  queryFn: () => call<View[]>("views"),
  refetchInterval: REFRESH_MS,
});

export const viewQuery = (name: string) =>
  queryOptions({ queryKey: ["views", name], queryFn: () => call<View>(path("views", name)) });

export const materializedQuery = queryOptions({
  queryKey: ["materialized_views", { expand: true }],
  queryFn: () => call<MaterializedView[]>("materialized_views", { query: { expand: true } }),
  refetchInterval: REFRESH_MS,
});

export const viewStatsQuery = (name: string) =>
  queryOptions({
    queryKey: ["materialized_views", name, "stats"],
    queryFn: () => call<ViewStats>(`${path("materialized_views", name)}/stats`),
    refetchInterval: REFRESH_MS,
  });

export const removeOne = (kind: "streams" | "views", name: string, force: boolean): Promise<void> =>
  call(path(kind, name), { method: "DELETE", query: { force: force || undefined } });

export const steer = (name: string, verb: "pause" | "resume" | "recover"): Promise<void> =>
  call(`${path("materialized_views", name)}/${verb}`, { method: "POST" });

const define = (sql: string): Promise<unknown> =>
  call("exec", { body: { sql, type: "historical" } });

/** Goes on with what comes from now, when rows that it had not read are gone. */
export const skipToLatest = (name: string): Promise<unknown> =>
  define(`SYSTEM RECOVER MATERIALIZED VIEW ${quoted(name)} SETTINGS seek_to = 'latest'`);

/** Rows at which it fails become dead letters, and it goes on. */
export const keepBadRows = (name: string): Promise<unknown> =>
  define(`ALTER VIEW ${quoted(name)} MODIFY QUERY SETTING enable_dlq = 1`);

export interface Graph {
  nodes: { id: string; name: string; type: string }[];
  edges: { source: string; target: string }[];
}

export const topologyQuery = queryOptions({
  queryKey: ["topology"],
  queryFn: () => call<Graph>("topology"),
});
