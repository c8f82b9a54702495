// How many materialized views have failed; asked for by the rail and the home page together.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";

const REFRESH_MS = 15_000;
const FAILED = new Set(["failed", "error"]);

export interface Health {
  id?: string;
  name: string;
  status: string;
  message?: string;
  last_error_message?: string;
}

export const hasFailed = (one: Health): boolean => FAILED.has(one.status.toLowerCase());

export const viewsHealthQuery = queryOptions({
  queryKey: ["materialized_views", { expand: true }],
  queryFn: () => call<Health[]>("materialized_views", { query: { expand: true } }),
});

export function useFailedViews(): number {
  const { data } = useQuery({ ...viewsHealthQuery, refetchInterval: REFRESH_MS });
  return data?.filter(hasFailed).length ?? 0;
}
