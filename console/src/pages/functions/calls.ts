// Calls of the page of functions.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";

export type Udf = Schemas["UDF"];
export type UdfBody = Schemas["UDFDef"];
export type BuiltIn = Schemas["BuiltInFunction"];

const path = (name: string): string => `udfs/${encodeURIComponent(name)}`;

export const udfsQuery = queryOptions({ queryKey: ["udfs"], queryFn: () => call<Udf[]>("udfs") });

export const udfQuery = (name: string) =>
  queryOptions({ queryKey: ["udfs", name], queryFn: () => call<Udf>(path(name)) });

/** The words of the dialect; the same as long as the server runs. */
export const builtInQuery = queryOptions({
  queryKey: ["catalog", "functions"],
  queryFn: async () => (await call<Schemas["Catalog"]>("catalog")).dialect?.functions ?? [],
  staleTime: Number.POSITIVE_INFINITY,
});

export const createUdf = (body: UdfBody): Promise<Udf> => call<Udf>("udfs", { body });

export const replaceUdf = (name: string, body: UdfBody): Promise<Udf> =>
  call<Udf>(path(name), { method: "PUT", body });

export const removeUdf = (name: string): Promise<void> => call(path(name), { method: "DELETE" });

export interface Result {
  columns: { name: string; type: string }[];
  data: unknown[][];
}

export const exec = (sql: string): Promise<Result> =>
  call<Result>("exec", { body: { sql, type: "historical", timeout_ms: 10_000 } });
