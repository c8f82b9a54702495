// The operators of a running query as a graph: places by dagre, rates out of two readings.
import { Graph, layout } from "@dagrejs/dagre";
import type { Schemas } from "@/api/types";

export type Pipeline = Schemas["QueryPipeline"];

export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 64;
const GAP = 34;

export interface Load {
  id: number;
  name: string;
  status: string;
  /** Of all processing time since the reading before, 0 to 1. */
  share: number;
  bytesPerSecond: number;
  bytes: number;
}

export interface Reading {
  /** Unix ms. */
  at: number;
  pipeline: Pipeline;
}

/** What each operator did between two readings; since its start where there is only one. */
export function loads(now: Reading, before: Reading | null): Load[] {
  const seconds = before ? Math.max((now.at - before.at) / 1000, 0.001) : 0;
  const old = new Map(before?.pipeline.nodes.map((node) => [node.id, node.metric]));
  const spent = now.pipeline.nodes.map((node) =>
    Math.max(0, node.metric.processing_time_ns - (old.get(node.id)?.processing_time_ns ?? 0)),
  );
  const all = spent.reduce((sum, one) => sum + one, 0);
  // Between two readings nothing may have run: then the share of its whole life is shown.
  const whole = now.pipeline.nodes.map((node) => node.metric.processing_time_ns);
  const sum = whole.reduce((total, one) => total + one, 0);
  return now.pipeline.nodes.map((node, n) => ({
    id: node.id,
    name: node.name,
    status: node.status,
    share: all > 0 ? spent[n]! / all : sum > 0 ? whole[n]! / sum : 0,
    bytes: node.metric.processed_bytes,
    bytesPerSecond: seconds
      ? Math.max(0, node.metric.processed_bytes - (old.get(node.id)?.processed_bytes ?? 0)) /
        seconds
      : 0,
  }));
}

/** The operator that takes most of the time; undefined while none took any. */
export function slowest(all: Load[]): Load | undefined {
  const most = all.toSorted((a, b) => b.share - a.share)[0];
  return most && most.share > 0 ? most : undefined;
}

/** The left upper corner of each operator. */
export function places(pipeline: Pipeline): Map<number, { x: number; y: number }> {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: GAP });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of pipeline.nodes)
    graph.setNode(String(node.id), { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const edge of pipeline.edges) graph.setEdge(String(edge.from), String(edge.to));
  layout(graph);
  return new Map(
    pipeline.nodes.map((node) => {
      const at = graph.node(String(node.id));
      return [node.id, { x: at.x - NODE_WIDTH / 2, y: at.y - NODE_HEIGHT / 2 }];
    }),
  );
}
