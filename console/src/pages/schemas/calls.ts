// Calls of the pages of schemas.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";

export type FormatSchema = Schemas["SchemaResp"];
type Body = Schemas["CreateSchemaRequest"];

/** The types that the server has. */
export const TYPES = ["Protobuf"];

const path = (name: string): string => `schemas/${encodeURIComponent(name)}`;

export const schemasQuery = queryOptions({
  queryKey: ["schemas"],
  queryFn: () => call<FormatSchema[]>("schemas"),
});

export const schemaQuery = (name: string) =>
  queryOptions({ queryKey: ["schemas", name], queryFn: () => call<FormatSchema>(path(name)) });

export const createSchema = (body: Body): Promise<unknown> => call("schemas", { body });

export const replaceSchema = (body: Body): Promise<unknown> =>
  call(path(body.name), { method: "PUT", body });

export const removeSchema = (name: string): Promise<void> => call(path(name), { method: "DELETE" });
