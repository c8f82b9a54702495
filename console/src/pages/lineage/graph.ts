// The workspace's graph as data: neighbours, what a filter leaves, groups when it is too large.
export interface GraphNode {
  id: string;
  name: string;
  type: string;
  status: string;
  db: string;
  tags: string[];
  /** The text of a view. */
  sql: string;
}

export interface GraphEdge {
  source: string;
  target: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

// More than this nobody reads: they are drawn as one node for each database and kind.
export const NODES_MAX = 300;
export const GROUP = "group:";
const FUNCTION = "udf:";

interface Structure {
  nodes: {
    id: string;
    name: string;
    type: string;
    db: string;
    properties: Record<string, unknown>;
  }[];
  edges: GraphEdge[];
  dependencies: GraphEdge[];
}

/** The API's graph; a function is joined with what calls it, though no rows flow there. */
export function graphOf(of: Structure, statusOf: (id: string) => string): Graph {
  const called = of.dependencies.filter(({ target }) => target.startsWith(FUNCTION));
  return {
    nodes: of.nodes.map(({ id, name, type, db, properties }) => ({
      id,
      name,
      type,
      db,
      status: statusOf(id),
      tags: Array.isArray(properties.tags) ? properties.tags.map(String) : [],
      sql: typeof properties.query === "string" ? properties.query : "",
    })),
    edges: [
      ...of.edges.map(({ source, target }) => ({ source, target })),
      ...called.map(({ source, target }) => ({ source: target, target: source })),
    ],
  };
}

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

export const STATES = ["running", "stopped", "failed"] as const;
export type State = (typeof STATES)[number];

/** One of the states that can be chosen; "" of what neither runs nor stops. */
export function stateOf(status: string): State | "" {
  if (!status) return "";
  if (isFailed(status)) return "failed";
  return isStopped(status) ? "stopped" : "running";
}

export interface Choice {
  text: string;
  kinds: ReadonlySet<string>;
  state: string;
  tag: string;
  db: string;
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
      (!choice.state || stateOf(node.status) === choice.state) &&
      (!choice.tag || node.tags.includes(choice.tag)) &&
      (!choice.db || node.db === choice.db) &&
      (!text || node.name.toLowerCase().includes(text)),
  );
  const left = new Set(nodes.map((node) => node.id));
  return { nodes, edges: graph.edges.filter((e) => left.has(e.source) && left.has(e.target)) };
}

/** One node for each database and kind, joined as their members are. */
export function grouped(
  graph: Graph,
  label: (count: number, type: string, db: string) => string,
): Graph {
  const several = new Set(graph.nodes.map((node) => node.db)).size > 1;
  const idOf = (node: GraphNode) => `${GROUP}${node.type}${several ? ` ${node.db}` : ""}`;
  const members = new Map<string, GraphNode[]>();
  for (const node of graph.nodes)
    members.set(idOf(node), [...(members.get(idOf(node)) ?? []), node]);
  const group = new Map(graph.nodes.map((node) => [node.id, idOf(node)]));
  const edges = new Map<string, GraphEdge>();
  for (const edge of graph.edges) {
    const [source = "", target = ""] = [group.get(edge.source), group.get(edge.target)];
    if (source && target && source !== target) edges.set(`${source} ${target}`, { source, target });
  }
  return {
    nodes: [...members].map(([id, [first, ...rest]]) => ({
      ...first!,
      id,
      name: label(rest.length + 1, first!.type, several ? first!.db : ""),
      db: several ? first!.db : "",
      status: [first!, ...rest].some((node) => isFailed(node.status)) ? "failed" : "",
      tags: [],
      sql: "",
    })),
    edges: [...edges.values()],
  };
}
