// Where the nodes stand: laid out in a worker, kept by id while the graph changes.
import { useEffect, useRef, useState } from "react";
import type { Graph, GraphEdge } from "./graph";

export const WIDTH = 208;
export const HEIGHT = 64;
export const GAP = 28;

export type Places = Record<string, { x: number; y: number }>;

const shape = (graph: Graph): string =>
  `${graph.nodes.map((node) => node.id).sort()}|${graph.edges.map((e) => `${e.source}>${e.target}`).sort()}`;

/** What the worker is asked, and what it answers. */
export interface Job {
  job: number;
  choice: string;
  ids: string[];
  edges: GraphEdge[];
}

export interface Laid {
  job: number;
  choice: string;
  places: Places;
}

export interface Plan {
  places: Places;
  /** Counts the times that all nodes were placed anew: what is on screen must fit again then. */
  times: number;
}

/** Nodes that stood there stay, unless the reader chose another part of the graph (`anew`). */
export function settled(plan: Plan | null, laid: Places, anew: boolean): Plan {
  if (!plan || anew) return { places: laid, times: (plan?.times ?? 0) + 1 };
  const found: Places = {};
  for (const id of Object.keys(laid)) {
    const old = plan.places[id];
    if (old) found[id] = old;
  }
  const free = (place: { x: number; y: number }): boolean =>
    Object.values(found).every(
      (other) => Math.abs(other.x - place.x) >= WIDTH || Math.abs(other.y - place.y) >= HEIGHT,
    );
  for (const id of Object.keys(laid)) {
    if (found[id]) continue;
    const place = { ...laid[id]! };
    while (!free(place)) place.y += HEIGHT + GAP;
    found[id] = place;
  }
  return { places: found, times: plan.times };
}

/** Where the graph's nodes stand; null until that is known. `choice` names the part of it. */
export function usePlaces(graph: Graph, choice: string): Plan | null {
  const [plan, setPlan] = useState<Plan | null>(null);
  const worker = useRef<Worker | null>(null);
  const job = useRef(0);
  const drawn = useRef("");
  const key = shape(graph);
  useEffect(() => {
    worker.current = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    worker.current.onmessage = ({ data }: MessageEvent<Laid>) => {
      if (data.job !== job.current) return;
      const anew = drawn.current !== data.choice;
      drawn.current = data.choice;
      setPlan((old) => settled(old, data.places, anew));
    };
    return () => worker.current?.terminate();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: numbers of the nodes change no place
  useEffect(() => {
    job.current += 1;
    const { nodes, edges } = graph;
    const ids = nodes.map(({ id }) => id);
    worker.current?.postMessage({ job: job.current, choice, ids, edges });
  }, [key, choice]);
  return plan;
}

const distance = (a: { x: number; y: number }, b: { x: number; y: number }): number =>
  Math.hypot(a.x - b.x, a.y - b.y);

/** The node that an arrow key leads to: along an edge, or the next one up or down. */
export function beside(
  key: string,
  id: string,
  edges: GraphEdge[],
  places: Places,
): string | undefined {
  const here = places[id];
  if (!here) return undefined;
  const nearest = (ids: string[]) =>
    ids
      .filter((one) => places[one])
      .sort((a, b) => distance(places[a]!, here) - distance(places[b]!, here))[0];
  if (key === "ArrowRight")
    return nearest(edges.filter((edge) => edge.source === id).map((edge) => edge.target));
  if (key === "ArrowLeft")
    return nearest(edges.filter((edge) => edge.target === id).map((edge) => edge.source));
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  const sign = key === "ArrowDown" ? 1 : -1;
  return nearest(
    Object.keys(places).filter(
      (one) =>
        Math.abs(places[one]!.x - here.x) < WIDTH && sign * (places[one]!.y - here.y) > HEIGHT / 2,
    ),
  );
}
