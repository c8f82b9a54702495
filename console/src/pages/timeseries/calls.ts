// Calls of the three time-series APIs, which lie at the server's root.
import { queryOptions } from "@tanstack/react-query";
import { call, type Options, type Query } from "@/api/client";
import { workspace } from "@/app/place";
import { iso } from "./knowledge";

export type Api = "kronicle" | "timedb" | "opensynaptic";

/** Path of an operation from the server's root: in the page's workspace if that is a chosen one. */
export function seriesPath(api: Api, path: string, place: string = workspace()): string {
  return place ? `${encodeURIComponent(place)}/${api}/${path}` : path;
}

const ask = <T>(api: Api, path: string, options: Options = {}): Promise<T> =>
  call<T>(seriesPath(api, path), { ...options, absolute: true });

export interface Channel {
  channel_id: string;
  channel_name?: string;
  channel_schema: Record<string, string>;
  metadata?: Record<string, unknown>;
  tags?: Record<string, unknown>;
  available_rows: number;
}

export type Row = Record<string, unknown>;
// A page of rows, and how many points of a channel are drawn at most.
export const ROWS = 50;
export const POINTS_MAX = 2_000;

export interface Range {
  from?: string;
  to?: string;
}

export const channelsQuery = queryOptions({
  queryKey: ["channels"],
  queryFn: () => ask<Channel[]>("kronicle", "api/v1/channels"),
});

const channelAt = (id: string): string => `api/v1/channels/${encodeURIComponent(id)}`;

export const channelQuery = (id: string) =>
  queryOptions({
    queryKey: ["channels", id],
    queryFn: () => ask<Channel>("kronicle", channelAt(id)),
  });

const span = ({ from, to }: Range): Query => ({ from_date: from, to_date: to });

export const channelRowsQuery = (id: string, range: Range, offset: number) =>
  queryOptions({
    queryKey: ["channels", id, "rows", range, offset],
    // One more than shown tells whether there is a next page.
    queryFn: () =>
      ask<{ rows: Row[] }>("kronicle", `${channelAt(id)}/rows`, {
        query: { ...span(range), sort: "-time", limit: ROWS + 1, offset, skip_received: false },
      }),
  });

export const channelPointsQuery = (id: string, column: string, range: Range) =>
  queryOptions({
    queryKey: ["channels", id, "points", column, range],
    queryFn: () =>
      ask<{ columns: Record<string, unknown[]> }>("kronicle", `${channelAt(id)}/columns`, {
        query: { ...span(range), sort: "-time", limit: POINTS_MAX, columns: column },
      }),
  });

export const columnTypesQuery = queryOptions({
  queryKey: ["channels", "types"],
  queryFn: () => ask<string[]>("kronicle", "setup/v1/channels/columns/types"),
  staleTime: Number.POSITIVE_INFINITY,
});

export interface NewChannel {
  channel_id?: string;
  channel_name?: string;
  channel_schema?: Record<string, string>;
  metadata?: unknown;
  tags?: unknown;
}

export const makeChannel = (body: NewChannel): Promise<Channel> =>
  ask("kronicle", "setup/v1/channels", { body });

export const cloneChannel = (id: string, body: NewChannel): Promise<Channel> =>
  ask("kronicle", `setup/v1/channels/${encodeURIComponent(id)}/clone`, { body });

export const removeChannel = (id: string, force: boolean): Promise<unknown> =>
  ask("kronicle", `setup/v1/channels/${encodeURIComponent(id)}`, {
    method: "DELETE",
    query: { force: force || undefined },
  });

export interface Series {
  series_id: number;
  name: string;
  description: string | null;
  unit: string;
  labels: Record<string, string>;
  overlapping: boolean;
  retention: string;
}

export interface Value {
  valid_time: string;
  value: number | null;
  known_time?: string;
  value_id?: number;
  annotation?: string | null;
  tags?: string[] | null;
  changed_by?: string | null;
  change_time?: string;
  is_current?: boolean;
}

export type Mode = "flat" | "overlapping" | "versions";

export const seriesListQuery = (labels: Record<string, string>) =>
  queryOptions({
    queryKey: ["timedb", "series", labels],
    queryFn: () =>
      ask<Series[]>("timedb", "series", {
        query: { labels: Object.keys(labels).length ? JSON.stringify(labels) : undefined },
      }),
  });

const MODES: Record<Mode, Query> = {
  flat: {},
  overlapping: { mode: "overlapping" },
  versions: { mode: "overlapping", all_versions: true },
};

export const valuesQuery = (id: number, mode: Mode, { from, to }: Range) =>
  queryOptions({
    queryKey: ["timedb", "values", id, mode, from, to],
    queryFn: async () => {
      const query = { series_id: id, start_valid: from, end_valid: to, ...MODES[mode] };
      return (await ask<{ data: Value[] }>("timedb", "values", { query })).data;
    },
  });

export interface Update {
  series_id: number;
  valid_time: string;
  known_time?: string;
  value: number | null;
  annotation: string | null;
  tags: string[] | null;
}

interface Updated {
  updated: unknown[];
  skipped_no_ops: unknown[];
}

export const correct = (update: Update): Promise<Updated> =>
  ask("timedb", "values", { method: "PUT", body: { updates: [update] } });

async function table(sql: string): Promise<unknown[][]> {
  return (await call<{ data: unknown[][] }>("exec", { body: { sql, type: "historical" } })).data;
}

export interface Extent {
  count: number;
  first: string;
  last: string;
}

/** How many versions a series has and the times that they are about: the API has no such call. */
export const extentQuery = (id: number) =>
  queryOptions({
    queryKey: ["timedb", "extent", id],
    queryFn: async (): Promise<Extent> => {
      const [[count, first, last] = []] = await table(
        `SELECT count(), min(valid_time), max(valid_time) FROM table(timedb_values) WHERE series_no = ${id}`,
      );
      return { count: Number(count ?? 0), first: iso(first), last: iso(last) };
    },
  });

export interface Run {
  run_id: string;
  batch_id: number | null;
  workflow_id: string | null;
  run_start_time: string;
  run_finish_time: string;
  known_time: string;
  run_params: string | null;
  changed_by: string | null;
}

const RUN_COLUMNS: (keyof Run)[] = [
  "run_id",
  "batch_id",
  "workflow_id",
  "run_start_time",
  "run_finish_time",
  "known_time",
  "run_params",
  "changed_by",
];

export const runsQuery = (offset: number) =>
  queryOptions({
    queryKey: ["timedb", "runs", offset],
    queryFn: async (): Promise<Run[]> => {
      const rows = await table(
        `SELECT ${RUN_COLUMNS.join(", ")} FROM table(timedb_runs) ORDER BY inserted_at DESC LIMIT ${ROWS + 1} OFFSET ${offset}`,
      );
      return rows.map(
        (row) =>
          Object.fromEntries(
            RUN_COLUMNS.map((name, n) => [name, name.endsWith("_time") ? iso(row[n]) : row[n]]),
          ) as unknown as Run,
      );
    },
  });

export interface Device {
  device_id: string;
  last_seen: number;
  packet_count: number;
}

export interface Packet {
  packet_uuid: string;
  device_id: string;
  device_status: string;
  timestamp_raw: number;
  payload_json: unknown;
  created_at: number;
}

export interface Sensor {
  packet_uuid: string;
  sensor_index: number;
  sensor_id: string;
  sensor_status: string;
  normalized_value: number | string | null;
  normalized_unit: string;
  device_id: string;
  timestamp_raw: number;
}

interface PageOf {
  total: number;
  limit: number;
  offset: number;
}

export interface Lists {
  devices: PageOf & { devices: Device[] };
  packets: PageOf & { packets: Packet[] };
  sensors: PageOf & { sensors: Sensor[] };
}

/** A page of one of the three lists; `range` in seconds since 1970. */
export const listQuery = <K extends keyof Lists>(kind: K, query: Query) =>
  queryOptions({
    queryKey: ["opensynaptic", kind, query],
    queryFn: () =>
      ask<Lists[K]>("opensynaptic", `api/data/${kind}`, { query: { limit: ROWS, ...query } }),
  });

export const packetQuery = (uuid: string) =>
  queryOptions({
    queryKey: ["opensynaptic", "packet", uuid],
    queryFn: () =>
      ask<{ packet: Packet; sensors: Omit<Sensor, "packet_uuid">[] }>(
        "opensynaptic",
        `api/data/packets/${encodeURIComponent(uuid)}`,
      ),
  });
