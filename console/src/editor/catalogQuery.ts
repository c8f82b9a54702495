// Asks the server for the catalog; an unchanged one costs a short answer (ETag).
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Catalog } from "./catalog";

export const catalogQuery = queryOptions({
  queryKey: ["catalog"],
  queryFn: () => call<Catalog>("catalog"),
  staleTime: 10_000,
});
