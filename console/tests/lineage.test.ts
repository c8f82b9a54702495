// The lineage graph as data: what is up and down of a node, filters, groups.
import { expect, test } from "vitest";
import { around, chosen, graphOf, grouped, reached } from "@/pages/lineage/graph";
import { beside, settled } from "@/pages/lineage/places";

const node = (id: string, type: string, status = "running", db = "default") => ({
  ...{ id, name: id, type, status, db },
  tags: [] as string[],
  sql: "",
});
const GRAPH = {
  nodes: [
    node("a", "source"),
    node("b", "stream"),
    node("c", "view"),
    node("d", "sink", "error"),
    node("e", "stream"),
  ],
  edges: [
    { source: "a", target: "b" },
    { source: "b", target: "c" },
    { source: "c", target: "d" },
    { source: "e", target: "c" },
  ],
};
const ALL = {
  ...{ text: "", kinds: new Set<string>(), state: "", tag: "", db: "" },
  ...{ focus: "", depth: 1 },
};
const ids = (graph: { nodes: { id: string }[] }) => graph.nodes.map((one) => one.id);

test("up and down of a node, as far as asked", () => {
  expect([...reached(GRAPH.edges, "b", "down")]).toEqual(["b", "c", "d"]);
  expect([...reached(GRAPH.edges, "c", "up")].sort()).toEqual(["a", "b", "c", "e"]);
  expect([...around(GRAPH.edges, "c", 1)].sort()).toEqual(["b", "c", "d", "e"]);
});

test("a cycle ends", () => {
  const edges = [
    { source: "x", target: "y" },
    { source: "y", target: "x" },
  ];
  expect([...reached(edges, "x", "down")]).toEqual(["x", "y"]);
});

test("filters leave nodes and the edges between them", () => {
  expect(ids(chosen(GRAPH, { ...ALL, kinds: new Set(["stream"]) }))).toEqual(["b", "e"]);
  expect(ids(chosen(GRAPH, { ...ALL, state: "failed" }))).toEqual(["d"]);
  expect(ids(chosen(GRAPH, { ...ALL, state: "stopped" }))).toEqual([]);
  expect(ids(chosen(GRAPH, { ...ALL, state: "running" }))).toEqual(["a", "b", "c", "e"]);
  const tagged = { ...GRAPH, nodes: GRAPH.nodes.map((one) => ({ ...one, tags: [one.type] })) };
  expect(ids(chosen(tagged, { ...ALL, tag: "view" }))).toEqual(["c"]);
  const near = chosen(GRAPH, { ...ALL, focus: "a", depth: 1 });
  expect(ids(near)).toEqual(["a", "b"]);
  expect(near.edges).toEqual([{ source: "a", target: "b" }]);
});

test("groups have one edge for many", () => {
  const found = grouped(GRAPH, (count, type) => `${count} ${type}`);
  expect(found.nodes.map((one) => one.name)).toEqual(["1 source", "2 stream", "1 view", "1 sink"]);
  expect(found.edges).toHaveLength(3);
  expect(found.nodes.map((one) => one.status)).toEqual(["", "", "", "failed"]);
});

test("groups are apart by database where there are several", () => {
  const nodes = [node("a", "stream"), node("b", "stream", "", "lab"), node("c", "stream")];
  const found = grouped({ nodes, edges: [{ source: "a", target: "b" }] }, (n, type, db) =>
    [n, type, db].join(" "),
  );
  expect(found.nodes.map((one) => one.name)).toEqual(["2 stream default", "1 stream lab"]);
  expect(found.edges).toHaveLength(1);
});

test("a function is joined with what calls it; tags and text come with the node", () => {
  const properties = { tags: ["iot"], query: "SELECT twice(t) FROM s" };
  const graph = graphOf(
    {
      nodes: [
        { id: "view:v", name: "v", type: "view", db: "default", properties },
        { id: "udf:twice", name: "twice", type: "udf", db: "default", properties: {} },
      ],
      edges: [],
      dependencies: [
        { source: "view:v", target: "udf:twice" },
        { source: "view:v", target: "stream:s" },
      ],
    },
    () => "running",
  );
  expect(graph.edges).toEqual([{ source: "udf:twice", target: "view:v" }]);
  expect(graph.nodes[0]).toMatchObject({ tags: ["iot"], sql: properties.query, status: "running" });
});

test("nodes keep their places while the graph grows; another choice places all anew", () => {
  const first = settled(null, { a: { x: 0, y: 0 }, b: { x: 300, y: 0 } }, true);
  const laid = { a: { x: 0, y: 50 }, c: { x: 300, y: 10 }, d: { x: 300, y: 20 } };
  const grown = settled(first, { ...laid, b: { x: 300, y: 100 } }, false);
  expect(grown.times).toBe(first.times);
  expect(grown.places).toMatchObject(first.places);
  const columns = ["b", "c", "d"].map((id) => grown.places[id]!.y).sort((a, b) => a - b);
  expect(columns[1]! - columns[0]!).toBeGreaterThanOrEqual(64);
  expect(columns[2]! - columns[1]!).toBeGreaterThanOrEqual(64);
  const anew = settled(grown, laid, true);
  expect(anew).toEqual({ places: laid, times: first.times + 1 });
});

test("arrow keys follow edges, or go to the next node above or below", () => {
  const places = { a: { x: 0, y: 0 }, b: { x: 300, y: 0 }, c: { x: 300, y: 100 } };
  const edges = [
    { source: "a", target: "c" },
    { source: "a", target: "b" },
  ];
  expect(beside("ArrowRight", "a", edges, places)).toBe("b");
  expect(beside("ArrowDown", "b", edges, places)).toBe("c");
  expect(beside("ArrowUp", "b", edges, places)).toBeUndefined();
  expect(beside("ArrowLeft", "c", edges, places)).toBe("a");
});
