// Rows per second through sources, streams, views and sinks, as lineage knows them.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Schemas } from "@/api/types";

export type Rates = Schemas["GraphRates"];
export type NodeRate = Schemas["NodeRate"];

export const REFRESH_MS = 5_000;

/** Rates of the graph; `extraResources`: kinds that stand in it only when asked for. */
export const fetchRates = (history = false, extraResources?: string): Promise<Rates> =>
  call<Rates>("topology/rates", { query: { extraResources, history: history || undefined } });

const ratesQuery = (history: boolean) =>
  queryOptions({
    queryKey: ["topology", "rates", history],
    queryFn: () => fetchRates(history),
    refetchInterval: REFRESH_MS,
  });

/** Of all objects, over the last minute; with `history` those of the last ten minutes too. */
export function useRates(history = false): Rates | undefined {
  const may = useMay();
  return useQuery({ ...ratesQuery(history), enabled: may("read:workspace") }).data;
}

/** `id`: as the graph has it, the name of a stream or view. */
export const nodeOf = (rates: Rates | undefined, kind: string, id: string): NodeRate | undefined =>
  rates?.nodes.find((node) => node.id === `${kind}:${id}`);
