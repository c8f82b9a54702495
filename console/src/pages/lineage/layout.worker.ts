// Places the nodes of a graph from left to right, off the page's thread.
import { graphlib, layout } from "@dagrejs/dagre";
import { GAP, HEIGHT, type Job, type Places, WIDTH } from "./places";

const RANK_GAP = 90;
// Columns of the nodes that are joined with nothing, when they are all there is.
const SINGLE_COLUMNS = 5;

/** Joined nodes by rank; the others in rows below, where they take no place from them. */
function placed({ ids, edges }: Job): Places {
  const joined = new Set(edges.flatMap(({ source, target }) => [source, target]));
  const plan = new graphlib.Graph();
  plan.setGraph({ rankdir: "LR", nodesep: GAP, ranksep: RANK_GAP });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const id of joined) plan.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const { source, target } of edges) plan.setEdge(source, target);
  if (joined.size) layout(plan);
  const places: Places = {};
  for (const id of joined) {
    const { x, y } = plan.node(id);
    places[id] = { x: x - WIDTH / 2, y: y - HEIGHT / 2 };
  }
  const all = Object.values(places);
  const right = Math.max(0, ...all.map(({ x }) => x + WIDTH));
  const top = all.length ? Math.max(...all.map(({ y }) => y + HEIGHT)) + 2 * GAP : 0;
  const columns = Math.max(SINGLE_COLUMNS, Math.floor((right + GAP) / (WIDTH + GAP)));
  const singles = ids.filter((id) => !joined.has(id));
  for (const [n, id] of singles.entries())
    places[id] = {
      x: (n % columns) * (WIDTH + GAP),
      y: top + Math.floor(n / columns) * (HEIGHT + GAP),
    };
  return places;
}

self.onmessage = ({ data }: MessageEvent<Job>) => {
  self.postMessage({ job: data.job, choice: data.choice, places: placed(data) });
};
