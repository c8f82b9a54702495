// The lineage graph as a picture to keep: SVG, or PNG made from it.
import { colour } from "@/app/theme";
import { lineage as text } from "@/text/lineage";
import { compact } from "@/ui/format";
import { colourOf, widthOf } from "./FlowEdge";
import { type Graph, type GraphNode, isStopped } from "./graph";
import { kindOf } from "./kinds";
import { HEIGHT, type Places, WIDTH } from "./places";
import { allNodeRates, edgeRate, nodeRate, rowsOf } from "./rates";

const MARGIN = 24;
const NAME_MAX = 28;
const SCALE = 2;

/** Where the canvas has the nodes now. */
export const positions: { current: Places } = { current: {} };

const escaped = (one: string): string =>
  one.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const variable = (value: string): string =>
  value.replace(/var\((--[\w-]+)\)/, (_, name) => colour(name));

function secondLine(node: GraphNode): string {
  const rate = nodeRate(node.id);
  const rows = rate ? rowsOf(rate) : 0;
  const words = [text.kind_[node.type] ?? node.type, rate?.status];
  if (rows > 0) words.push(`${compact(rows)} ${text.rows}`);
  return words.filter(Boolean).join(" · ");
}

function svgOf(graph: Graph): { svg: string; width: number; height: number } {
  const places = positions.current;
  const nodes = graph.nodes.filter((node) => places[node.id]);
  const at = (id: string) => places[id] ?? { x: 0, y: 0 };
  const left = Math.min(...nodes.map((node) => at(node.id).x)) - MARGIN;
  const top = Math.min(...nodes.map((node) => at(node.id).y)) - MARGIN;
  const width = Math.max(...nodes.map((node) => at(node.id).x)) + WIDTH + MARGIN - left;
  const height = Math.max(...nodes.map((node) => at(node.id).y)) + HEIGHT + MARGIN - top;
  const status = new Map(allNodeRates().map((rate) => [rate.id, rate.status]));
  const lines = graph.edges.map(({ source, target }) => {
    const [from, to] = [at(source), at(target)];
    const rate = edgeRate(source, target);
    const [x, y] = [from.x + WIDTH, from.y + HEIGHT / 2];
    const [u, v] = [to.x, to.y + HEIGHT / 2];
    const middle = (x + u) / 2;
    const stopped = isStopped(status.get(source) ?? "") || isStopped(status.get(target) ?? "");
    const dashes = stopped ? ' stroke-dasharray="6 5"' : "";
    return `<path d="M${x},${y} C${middle},${y} ${middle},${v} ${u},${v}" fill="none" stroke="${variable(colourOf(rate?.pressure ?? 0))}" stroke-width="${widthOf(rate?.rows ?? 0).toFixed(1)}"${dashes}/>`;
  });
  const boxes = nodes.map((node) => {
    const { x, y } = at(node.id);
    const name = node.name.length > NAME_MAX ? `${node.name.slice(0, NAME_MAX - 1)}…` : node.name;
    return `<g transform="translate(${x},${y})"><rect width="${WIDTH}" height="${HEIGHT}" rx="6" fill="${colour("--raised")}" stroke="${colour("--edge")}"/><rect width="4" height="${HEIGHT}" fill="${colour(kindOf(node.type).colour)}"/><text x="10" y="26" font-size="13" fill="${colour("--text")}">${escaped(name)}</text><text x="10" y="46" font-size="11" fill="${colour("--muted")}">${escaped(secondLine(node))}</text></g>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif"><rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${colour("--page")}"/>${lines.join("")}${boxes.join("")}</svg>`;
  return { svg, width, height };
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}

export function saveSvg(graph: Graph): void {
  save(new Blob([svgOf(graph).svg], { type: "image/svg+xml" }), "lineage.svg");
}

export async function savePng(graph: Graph): Promise<void> {
  const { svg, width, height } = svgOf(graph);
  const image = new Image();
  // Only data: addresses are let through for pictures.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done));
  if (!blob) throw new Error(text.pictureTooLarge);
  save(blob, "lineage.png");
}
