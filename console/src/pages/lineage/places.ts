// Where the nodes stand: laid out in a worker, kept by id while the graph changes.
import { useEffect, useRef, useState } from "react";
import type { Graph } from "./graph";

export const WIDTH = 208;
export const HEIGHT = 64;

export type Places = Record<string, { x: number; y: number }>;

const shape = (graph: Graph): string =>
  `${graph.nodes.map((node) => node.id).sort()}|${graph.edges.map((e) => `${e.source}>${e.target}`).sort()}`;

/** Nodes that stood there stay; of a graph that is another as a whole all are placed anew. */
function settled(old: Places, laid: Places): Places {
  const ids = Object.keys(laid);
  const known = ids.filter((id) => old[id]);
  if (known.length * 2 < ids.length || known.length < Object.keys(old).length) return laid;
  const free = (place: { x: number; y: number }): boolean =>
    known.every((id) => {
      const other = old[id]!;
      return Math.abs(other.x - place.x) >= WIDTH || Math.abs(other.y - place.y) >= HEIGHT;
    });
  const found: Places = {};
  for (const id of ids) {
    const place = old[id] ?? { ...laid[id]! };
    while (!old[id] && !free(place)) place.y += HEIGHT + 28;
    found[id] = place;
  }
  return found;
}

/** The places of the graph's nodes; null until they are known. */
export function usePlaces(graph: Graph): Places | null {
  const [places, setPlaces] = useState<Places | null>(null);
  const worker = useRef<Worker | null>(null);
  const job = useRef(0);
  const key = shape(graph);
  useEffect(() => {
    worker.current = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    worker.current.onmessage = ({ data }: MessageEvent<{ job: number; places: Places }>) => {
      if (data.job === job.current) setPlaces((old) => settled(old ?? {}, data.places));
    };
    return () => worker.current?.terminate();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: numbers of the nodes change no place
  useEffect(() => {
    job.current += 1;
    const { nodes, edges } = graph;
    worker.current?.postMessage({ job: job.current, graph: { nodes, edges } });
  }, [key]);
  return places;
}
