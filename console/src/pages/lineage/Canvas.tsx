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
import { type KeyboardEvent, useEffect, useMemo, useState } from "react";
import { useShownTheme } from "@/app/theme";
import { lineage as text } from "@/text/lineage";
import { Details } from "./Details";
import { positions } from "./drawing";
import { FlowEdge } from "./FlowEdge";
import { around, GROUP, type Graph } from "./graph";
import { type CardData, NodeCard } from "./NodeCard";
import { HEIGHT, usePlaces, WIDTH } from "./places";

const NODE_TYPES = { card: NodeCard };
const EDGE_TYPES = { flow: FlowEdge };

interface Props {
  graph: Graph;
  onFocus: (id: string) => void;
  onKind: (kind: string) => void;
}

export function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Drawn {...props} />
    </ReactFlowProvider>
  );
}

function Drawn({ graph, onFocus, onKind }: Props) {
  const theme = useShownTheme();
  const flow = useReactFlow();
  const places = usePlaces(graph);
  const [chosen, setChosen] = useState("");
  const lit = useMemo(() => (chosen ? around(graph.edges, chosen) : null), [chosen, graph.edges]);
  const { nodes, edges } = useMemo(
    () => ({
      nodes: graph.nodes
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
      edges: graph.edges
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
    }),
    [graph, places, lit, chosen],
  );
  useEffect(() => {
    if (places) {
      positions.current = places;
      void flow.fitView({ maxZoom: 1, padding: 0.1 });
    }
  }, [places, flow]);
  const click = (id: string) => {
    if (id.startsWith(GROUP)) onKind(id.slice(GROUP.length));
    else setChosen(id === chosen ? "" : id);
  };
  const follow = (event: KeyboardEvent) => {
    const id = (event.target as HTMLElement).closest<HTMLElement>(".react-flow__node")?.dataset.id;
    if (!id) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      click(id);
      return;
    }
    const next =
      event.key === "ArrowRight"
        ? graph.edges.find((edge) => edge.source === id)?.target
        : event.key === "ArrowLeft"
          ? graph.edges.find((edge) => edge.target === id)?.source
          : undefined;
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    document
      .querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)
      ?.focus();
  };
  const node = graph.nodes.find((one) => one.id === chosen);
  return (
    <div className="relative h-full" onKeyDownCapture={follow}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={theme}
        minZoom={0.1}
        fitView
        nodesConnectable={false}
        // A double click focuses a node; beside one it must not zoom.
        zoomOnDoubleClick={false}
        onNodeClick={(_, one) => click(one.id)}
        onNodeDoubleClick={(_, one) => !one.id.startsWith(GROUP) && onFocus(one.id)}
        onPaneClick={() => setChosen("")}
        proOptions={{ hideAttribution: true }}
      >
        <Background />
        <MiniMap pannable zoomable nodeColor="var(--edge)" bgColor="var(--surface)" />
        <Controls showInteractive={false} />
      </ReactFlow>
      <p className="pointer-events-none absolute top-1 left-2 text-xs text-muted">{text.legend}</p>
      {node && (
        <Details node={node} graph={graph} onFocus={onFocus} onClose={() => setChosen("")} />
      )}
    </div>
  );
}
