// Calls of the pages of external streams and tables.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import type { Values } from "@/forms/schema";

/** As the API's paths name them: external_streams, external_tables. */
export type Kind = "streams" | "tables";
export type ExternalStream = Schemas["ExternalStream"];
export type ExternalTable = Schemas["ExternalTable"];
export type External = (ExternalStream | ExternalTable) & { kind: Kind };
export type ExternalStats = Schemas["StreamStatsResponse"];
export type Event = Record<string, unknown>;

const REFRESH_MS = 5_000;

const path = (kind: Kind, name?: string): string =>
  `external_${kind}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;

const all = async (kind: Kind): Promise<External[]> =>
  (await call<(ExternalStream | ExternalTable)[]>(path(kind))).map((one) => ({ ...one, kind }));

export const externalsQuery = queryOptions({
  queryKey: ["external"],
  queryFn: async () => (await Promise.all([all("streams"), all("tables")])).flat(),
});

export const externalQuery = (kind: Kind, name: string) =>
  queryOptions({
    queryKey: ["external", kind, name],
    queryFn: async (): Promise<External> => ({
      ...(await call<ExternalStream | ExternalTable>(path(kind, name))),
      kind,
    }),
  });

export const externalStatsQuery = (name: string) =>
  queryOptions({
    queryKey: ["external", "streams", name, "stats"],
    queryFn: () =>
      call<ExternalStats>(`${path("streams", name)}/stats`, { query: { historyDays: 1 } }),
    refetchInterval: REFRESH_MS,
  });

/** The columns of a table are those of the database; the catalog knows them when it answered. */
export const tableColumnsQuery = (name: string) =>
  queryOptions({
    queryKey: ["catalog", "columns", name],
    queryFn: async () => {
      const catalog = await call<Schemas["Catalog"]>("catalog", { query: { dialect: false } });
      return catalog.objects.find((one) => one.name === name)?.columns ?? [];
    },
  });

export const removeExternal = (kind: Kind, name: string, force: boolean): Promise<void> =>
  call(path(kind, name), { method: "DELETE", query: { force: force || undefined } });

export const createExternal = (kind: Kind, body: object): Promise<unknown> =>
  call(path(kind), { body });

export interface Setting {
  key: string;
  value: string;
}

/** The form's values as the API takes settings: texts in a list. */
export const settingsOf = (type: string, values: Values): Setting[] => [
  { key: "type", value: type },
  ...Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== "" && value !== null)
    .map(([key, value]) => ({ key, value: String(value) })),
];

export const previewExternal = (
  settings: Setting[],
  offset: string,
  signal: AbortSignal,
): Promise<Event[]> =>
  call<Event[]>("external_streams/preview", {
    body: { settings, count: 20, offset, timeout: 10 },
    signal,
  });

/** Where its rows are, as a short text. */
export function placeOf(one: External): string {
  const of = (key: string) => one.settings.find((setting) => setting.key === key)?.value ?? "";
  const host = of("brokers") || of("url") || of("service_url") || of("address");
  const what =
    of("topic") || of("subject") || of("table") || (one.kind === "tables" ? one.name : "");
  return [host, what].filter(Boolean).join(" / ");
}
