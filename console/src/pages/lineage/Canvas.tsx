// Draws the lineage graph: pan, zoom, highlight of what is up and down of a node, keyboard.
import {
  Background,
  Controls,
  type Edge,
  MarkerType,
  MiniMap,
  type Node,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useMemo, useState } from "react";
import { useShownTheme } from "@/app/theme";
import { lineage as text } from "@/text/lineage";
import { Details } from "./Details";
import { positions } from "./drawing";
import { FlowEdge } from "./FlowEdge";
import { around, GROUP, type Graph, type GraphNode } from "./graph";
import { Legend } from "./Legend";
import { type CardData, NodeCard } from "./NodeCard";
import { beside, HEIGHT, type Places, usePlaces, WIDTH } from "./places";

const PANEL = "node:";
const NODE_TYPES = { card: NodeCard };
const EDGE_TYPES = { flow: FlowEdge };

interface Props {
  graph: Graph;
  /** Names the part of the graph that the reader chose. */
  choice: string;
  onFocus: (id: string) => void;
  onDetails: (id: string) => void;
  onGroup: (group: GraphNode) => void;
}

export function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Drawn {...props} />
    </ReactFlowProvider>
  );
}

/** The graph as the library draws it; `lit` and `chosen` are what a click brings out. */
function useElements(graph: Graph, places: Places | undefined, chosen: string) {
  const lit = useMemo(() => (chosen ? around(graph.edges, chosen) : null), [chosen, graph.edges]);
  const nodes = useMemo(
    () =>
      graph.nodes
        .filter((node) => places?.[node.id])
        .map(
          (node): Node<CardData> => ({
            id: node.id,
            type: "card",
            position: places?.[node.id] ?? { x: 0, y: 0 },
            // Of a fixed size, without which the small map stays empty.
            width: WIDTH,
            height: HEIGHT,
            draggable: false,
            ariaLabel: `${text.kind_[node.type] ?? node.type} ${node.name}`,
            data: { node, faded: !!lit && !lit.has(node.id), chosen: chosen === node.id },
          }),
        ),
    [graph, places, lit, chosen],
  );
  const edges = useMemo(
    () =>
      graph.edges
        .filter((edge) => places?.[edge.source] && places[edge.target])
        .map(
          (edge): Edge => ({
            id: `${edge.source} ${edge.target}`,
            source: edge.source,
            target: edge.target,
            type: "flow",
            focusable: false,
            markerEnd: { type: MarkerType.ArrowClosed, color: "var(--edge)" },
            data: { faded: !!lit && !(lit.has(edge.source) && lit.has(edge.target)) },
          }),
        ),
    [graph, places, lit],
  );
  return { nodes, edges };
}

function Drawn({ graph, choice, onFocus, onDetails, onGroup }: Props) {
  const theme = useShownTheme();
  const flow = useReactFlow();
  const plan = usePlaces(graph, choice);
  const { panel = "" } = useSearch({ strict: false }) as { panel?: string };
  const open = panel.startsWith(PANEL) ? panel.slice(PANEL.length) : "";
  const [clicked, setChosen] = useState("");
  // What the side panel tells of is brought out, and needs no card beside it.
  const chosen = clicked || open;
  const { nodes, edges } = useElements(graph, plan?.places, chosen);
  useEffect(() => {
    if (plan) positions.current = plan.places;
  }, [plan]);
  // Only a new layout is fitted: what comes and goes must not move what is looked at.
  const times = plan?.times ?? 0;
  useEffect(() => {
    if (times) void flow.fitView({ maxZoom: 1, padding: 0.08 });
  }, [times, flow]);
  const node = graph.nodes.find((one) => one.id === chosen && one.id !== open);
  const click = (id: string) => {
    const group = graph.nodes.find((one) => one.id === id && id.startsWith(GROUP));
    if (group) onGroup(group);
    else setChosen(id === chosen ? "" : id);
  };
  const details = (id: string) => {
    if (id.startsWith(GROUP)) return;
    setChosen("");
    onDetails(id);
  };
  const follow = (event: KeyboardEvent) => {
    const id = (event.target as HTMLElement).closest<HTMLElement>(".react-flow__node")?.dataset.id;
    if (!id || !plan) return;
    const next = beside(event.key, id, graph.edges, plan.places);
    if (event.key === "Escape") setChosen("");
    else if (event.key === "Enter" && id === chosen) details(id);
    else if (event.key === "Enter" || event.key === " ") click(id);
    else if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    if (next)
      document
        .querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)
        ?.focus();
  };
  return (
    <div className="relative h-full" onKeyDownCapture={follow}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={theme}
        style={{ background: "var(--page)" }}
        minZoom={0.05}
        fitView
        nodesConnectable={false}
        // A double click opens the details of a node; beside one it must not zoom.
        zoomOnDoubleClick={false}
        onNodeClick={(_, one) => click(one.id)}
        onNodeDoubleClick={(_, one) => details(one.id)}
        onPaneClick={() => setChosen("")}
        proOptions={{ hideAttribution: true }}
      >
        <Background />
        <MiniMap
          pannable
          zoomable
          className="max-sm:!hidden"
          ariaLabel={text.map}
          nodeColor="var(--edge)"
          bgColor="var(--surface)"
        />
        <Controls showInteractive={false} />
      </ReactFlow>
      <Legend />
      {node && (
        <Details
          node={node}
          onFocus={onFocus}
          onDetails={onDetails}
          onClose={() => setChosen("")}
        />
      )}
    </div>
  );
}
