// The lineage graph as data: what is up and down of a node, filters, groups.
import { expect, test } from "vitest";
import { around, chosen, grouped, reached } from "@/pages/lineage/graph";

const node = (id: string, type: string, status = "running") => ({ id, name: id, type, status });
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
const ALL = { text: "", kinds: new Set<string>(), failed: false, focus: "", depth: 1 };
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
  expect(ids(chosen(GRAPH, { ...ALL, failed: true }))).toEqual(["d"]);
  const near = chosen(GRAPH, { ...ALL, focus: "a", depth: 1 });
  expect(ids(near)).toEqual(["a", "b"]);
  expect(near.edges).toEqual([{ source: "a", target: "b" }]);
});

test("groups have one edge for many", () => {
  const found = grouped(GRAPH, (count, type) => `${count} ${type}`);
  expect(found.nodes.map((one) => one.name)).toEqual(["1 source", "2 stream", "1 view", "1 sink"]);
  expect(found.edges).toHaveLength(3);
});
