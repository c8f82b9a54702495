// Places the nodes of a graph from left to right, off the page's thread.
import { graphlib, layout } from "@dagrejs/dagre";
import type { Graph } from "./graph";
import { HEIGHT, type Places, WIDTH } from "./places";

const GAP = 28;
const RANK_GAP = 90;

function placed(graph: Graph): Places {
  const plan = new graphlib.Graph();
  plan.setGraph({ rankdir: "LR", nodesep: GAP, ranksep: RANK_GAP });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const { id } of graph.nodes) plan.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const { source, target } of graph.edges) plan.setEdge(source, target);
  layout(plan);
  return Object.fromEntries(
    graph.nodes.map(({ id }) => {
      const { x, y } = plan.node(id);
      return [id, { x: x - WIDTH / 2, y: y - HEIGHT / 2 }];
    }),
  );
}

self.onmessage = ({ data }: MessageEvent<{ job: number; graph: Graph }>) => {
  self.postMessage({ job: data.job, places: placed(data.graph) });
};
