// Rates of the graph's nodes and edges, asked for every 5 s; each node reads its own number only.
import { queryOptions } from "@tanstack/react-query";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { fetchRates, type NodeRate, type Rates, REFRESH_MS } from "@/pages/streams/rates";
import { statusText } from "@/pages/views/status";
import { type Graph, graphOf } from "./graph";

export type { NodeRate };
export type EdgeRate = Schemas["EdgeRate"];

const STRUCTURE_MS = 15_000;
// Nodes and edges drawn in one task: all at once would hold the page for several frames.
const DRAWN_AT_ONCE = 20;
const EXTRA = "udf,dashboard,savedquery";

/** All nodes and edges; states in the words of the pages. */
export async function readRates(history = false): Promise<Rates> {
  const rates = await fetchRates(history, EXTRA);
  const named = rates.nodes.map((node) => ({ ...node, status: statusText(node.status) }));
  return { ...rates, nodes: named };
}

/** What there is and how it is joined; its numbers come by `useRefresh`. */
export const graphQuery = queryOptions({
  queryKey: ["lineage"],
  queryFn: async (): Promise<Graph> => {
    const [structure, rates] = await Promise.all([
      call<Schemas["Graph"]>("topology", { query: { extraResources: EXTRA } }),
      readRates(),
    ]);
    takeRates(rates);
    const states = new Map(rates.nodes.map((node) => [node.id, node.status]));
    return graphOf(structure, (id) => states.get(id) ?? "");
  },
  refetchInterval: STRUCTURE_MS,
});

let nodes = new Map<string, NodeRate>();
let edges = new Map<string, EdgeRate>();
const readers = new Map<string, Set<() => void>>();

/** Of one level: histories are not among what is refreshed. */
const same = <T extends object>(a: T, b: T): boolean =>
  (Object.keys(b) as (keyof T)[]).every((key) => a[key] === b[key]);

/** The new values, but the old object of what did not change: nobody draws that anew. */
function merged<T extends object>(
  old: Map<string, T>,
  now: [string, T][],
): [Map<string, T>, string[]] {
  const changed: string[] = [];
  const found = now.map(([key, value]): [string, T] => {
    const before = old.get(key);
    if (before && same(before, value)) return [key, before];
    changed.push(key);
    return [key, value];
  });
  return [new Map(found), changed];
}

function tell(keys: string[]): void {
  const told = keys.slice(0, DRAWN_AT_ONCE);
  for (const key of told) for (const reader of readers.get(key) ?? []) reader();
  const rest = keys.slice(DRAWN_AT_ONCE);
  if (rest.length) setTimeout(() => tell(rest));
}

export function takeRates(rates: Rates): void {
  const [newNodes, changedNodes] = merged(
    nodes,
    rates.nodes.map((node) => [node.id, node]),
  );
  const [newEdges, changedEdges] = merged(
    edges,
    rates.edges.map((edge) => [`${edge.source} ${edge.target}`, edge]),
  );
  nodes = newNodes;
  edges = newEdges;
  tell([...changedNodes, ...changedEdges]);
}

function subscribed(key: string): (reader: () => void) => () => void {
  return (reader) => {
    const mine = readers.get(key) ?? new Set();
    readers.set(key, mine.add(reader));
    return () => {
      mine.delete(reader);
      if (!mine.size) readers.delete(key);
    };
  };
}

/** Reads on as long as the page is open and seen. */
export function useRefresh(onError: (error: Error | null) => void): void {
  useEffect(() => {
    const timer = setInterval(async () => {
      if (document.hidden) return;
      try {
        takeRates(await readRates());
        onError(null);
      } catch (error) {
        onError(error as Error);
      }
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [onError]);
}

function useValue<T>(key: string, read: () => T): T {
  const subscribe = useMemo(() => subscribed(key), [key]);
  return useSyncExternalStore(subscribe, read);
}

export const useNodeRate = (id: string): NodeRate | undefined => useValue(id, () => nodes.get(id));

export function useEdgeRate(source: string, target: string): EdgeRate | undefined {
  const key = `${source} ${target}`;
  return useValue(key, () => edges.get(key));
}

/** What flows through a node: what it takes, of what only gives the rows that it gives. */
export const rowsOf = (rate: NodeRate): number => rate.rows_in || rate.rows_out;

export const nodeRate = (id: string): NodeRate | undefined => nodes.get(id);
export const allNodeRates = (): NodeRate[] => [...nodes.values()];
export const edgeRate = (source: string, target: string): EdgeRate | undefined =>
  edges.get(`${source} ${target}`);
