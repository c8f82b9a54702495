// The workspace's graph as data: neighbours, what a filter leaves, groups when it is too large.
export interface GraphNode {
  id: string;
  name: string;
  type: string;
  status: string;
}

export interface GraphEdge {
  source: string;
  target: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

// More than this nobody reads: they are drawn as one node for each kind.
export const NODES_MAX = 300;
export const GROUP = "group:";

const STOPPED = new Set([
  "stopped",
  "paused",
  "failed",
  "error",
  "canceled",
  "finished",
  "suspended",
]);
const FAILED = new Set(["failed", "error"]);

export const isFailed = (status: string): boolean => FAILED.has(status.toLowerCase());
export const isStopped = (status: string): boolean => STOPPED.has(status.toLowerCase());

/** Ids that can be reached from `start` within `depth` steps along the edges, or against them. */
export function reached(
  edges: GraphEdge[],
  start: string,
  direction: "up" | "down",
  depth = Number.POSITIVE_INFINITY,
): Set<string> {
  const next = new Map<string, string[]>();
  for (const { source, target } of edges) {
    const [from, to] = direction === "down" ? [source, target] : [target, source];
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const found = new Set<string>([start]);
  let edge = [start];
  for (let step = 0; step < depth && edge.length; step += 1) {
    edge = edge.flatMap((id) => next.get(id) ?? []).filter((id) => !found.has(id));
    for (const id of edge) found.add(id);
  }
  return found;
}

export function around(edges: GraphEdge[], id: string, depth?: number): Set<string> {
  return new Set([...reached(edges, id, "up", depth), ...reached(edges, id, "down", depth)]);
}

export interface Choice {
  text: string;
  kinds: ReadonlySet<string>;
  failed: boolean;
  focus: string;
  depth: number;
}

/** The part of the graph that the reader chose. */
export function chosen(graph: Graph, choice: Choice): Graph {
  const text = choice.text.trim().toLowerCase();
  const near = choice.focus ? around(graph.edges, choice.focus, choice.depth) : null;
  const nodes = graph.nodes.filter(
    (node) =>
      (!near || near.has(node.id)) &&
      (!choice.kinds.size || choice.kinds.has(node.type)) &&
      (!choice.failed || isFailed(node.status)) &&
      (!text || node.name.toLowerCase().includes(text)),
  );
  const left = new Set(nodes.map((node) => node.id));
  return { nodes, edges: graph.edges.filter((e) => left.has(e.source) && left.has(e.target)) };
}

/** One node for each kind, joined as their members are. */
export function grouped(graph: Graph, label: (count: number, type: string) => string): Graph {
  const counts = new Map<string, number>();
  for (const { type } of graph.nodes) counts.set(type, (counts.get(type) ?? 0) + 1);
  const group = new Map(graph.nodes.map((node) => [node.id, GROUP + node.type]));
  const edges = new Map<string, GraphEdge>();
  for (const edge of graph.edges) {
    const [source = "", target = ""] = [group.get(edge.source), group.get(edge.target)];
    if (source && target && source !== target) edges.set(`${source} ${target}`, { source, target });
  }
  return {
    nodes: [...counts].map(([type, count]) => ({
      id: GROUP + type,
      name: label(count, type),
      type,
      status: "",
    })),
    edges: [...edges.values()],
  };
}
