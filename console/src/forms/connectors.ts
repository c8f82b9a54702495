// The types of sources, sinks and external objects, and what can be tried before they are stored.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import type { Schema, Values } from "./schema";

export type Sort = "sources" | "sinks";
export type CheckResult = Schemas["ConnectorCheckResponse"];

export type ConnectorType = Omit<Schemas["ConnectorTypeInfo"], "schema"> & { schema: Schema };

export interface ConnectorTypes {
  sources: ConnectorType[];
  sinks: ConnectorType[];
  external_streams: ConnectorType[];
  external_tables: ConnectorType[];
}

export const connectorTypesQuery = queryOptions({
  queryKey: ["connectors"],
  queryFn: () => call<ConnectorTypes>("connectors"),
  staleTime: Number.POSITIVE_INFINITY,
});

/** `id`: of the stored object whose secrets stand behind a mask. */
export interface Target {
  type: string;
  properties: Values;
  id?: string;
  query?: string;
}

/** Steps of a connection tried out; nothing is written or read. */
export function check(sort: Sort, { type, properties, id, query }: Target): Promise<CheckResult> {
  const body = { type, properties, ...(id && { id }), ...(sort === "sinks" && query && { query }) };
  return call<CheckResult>(`${sort}/check`, { body });
}

/** Sends one row, marked as a test, to where a sink would send. */
export function sendTest({ type, properties, id, query }: Target): Promise<CheckResult> {
  const body = { type, properties, ...(id && { id }), ...(query && { query }) };
  return call<CheckResult>("sinks/test", { body });
}

export async function suggest(
  sort: Sort,
  { type, properties, id }: Target,
  property: string,
  prefix: string,
): Promise<string[]> {
  const body = { type, properties, property, prefix, ...(id && { id }) };
  return (await call<Schemas["ConnectorSuggestResponse"]>(`${sort}/suggest`, { body })).values;
}
