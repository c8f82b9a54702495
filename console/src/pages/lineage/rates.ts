// Rates of the graph's nodes and edges, asked for every 5 s; each node reads its own number only.
import { useEffect, useSyncExternalStore } from "react";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { statusText } from "@/pages/views/status";

export type NodeRate = Schemas["NodeRate"];
export type EdgeRate = Schemas["EdgeRate"];
export type Rates = Schemas["GraphRates"];

const REFRESH_MS = 5_000;
export const EXTRA = "udf,dashboard,savedquery";

/** All nodes and edges; states in the words of the pages. */
export async function readRates(history = false): Promise<Rates> {
  const query = { extraResources: EXTRA, history: history || undefined };
  const rates = await call<Rates>("topology/rates", { query });
  const named = rates.nodes.map((node) => ({ ...node, status: statusText(node.status) }));
  return { ...rates, nodes: named };
}

let nodes = new Map<string, NodeRate>();
let edges = new Map<string, EdgeRate>();
const readers = new Set<() => void>();

export function takeRates(rates: Rates): void {
  nodes = new Map(rates.nodes.map((node) => [node.id, node]));
  edges = new Map(rates.edges.map((edge) => [`${edge.source} ${edge.target}`, edge]));
  for (const reader of readers) reader();
}

function subscribe(reader: () => void): () => void {
  readers.add(reader);
  return () => readers.delete(reader);
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

export const useNodeRate = (id: string): NodeRate | undefined =>
  useSyncExternalStore(subscribe, () => nodes.get(id));

export const useEdgeRate = (source: string, target: string): EdgeRate | undefined =>
  useSyncExternalStore(subscribe, () => edges.get(`${source} ${target}`));

export const allNodeRates = (): NodeRate[] => [...nodes.values()];
export const edgeRate = (source: string, target: string): EdgeRate | undefined =>
  edges.get(`${source} ${target}`);
