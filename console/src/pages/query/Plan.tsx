// The Plan tab: operators of the running query, coloured by their share of the time, live rates.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import {
  Background,
  type Edge,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { Gauge, Maximize, Rows3, Workflow } from "lucide-react";
import {
  type CSSProperties,
  createContext,
  memo,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { call } from "@/api/client";
import { type Live, useLiveState } from "@/live/useLive";
import { query } from "@/text/query";
import { Button, IconButton } from "@/ui/Button";
import { Empty } from "@/ui/Empty";
import { bytes } from "@/ui/format";
import {
  type Load,
  loads,
  NODE_HEIGHT,
  NODE_WIDTH,
  type Pipeline,
  places,
  type Reading,
  slowest,
} from "./planLayout";
import { isOver } from "./run";

const t = query.plan;
const EVERY_MS = 1_000;
const ZOOM = { minZoom: 0.2, maxZoom: 1.5 };

// The name of the library in its corner, in the colours of both themes.
const FLOW = { "--xy-attribution-background-color": "transparent" } as CSSProperties;

/** The newest loads by node: nodes read them here, so that the graph itself stays as it is. */
const Loads = createContext<ReadonlyMap<number, Load>>(new Map());

function useReadings(live: Live): { pipeline: Pipeline | undefined; all: Load[]; over: boolean } {
  const { query: record, status } = useLiveState(live);
  const over = isOver(status);
  const { data } = useQuery({
    queryKey: ["pipeline", record?.id],
    queryFn: async (): Promise<Reading> => {
      const pipeline = await call<Pipeline>(`queries/${record!.id}/pipeline`);
      return { at: Date.now(), pipeline };
    },
    enabled: !!record && !over,
    refetchInterval: EVERY_MS,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const before = useRef<Reading | null>(null);
  const last = useRef<Reading | null>(null);
  // An ended query has no operators any more; what was seen last stays.
  const reading = data?.pipeline.nodes.length ? data : last.current;
  if (reading && reading !== last.current) {
    const same = last.current?.pipeline.nodes.length === reading.pipeline.nodes.length;
    before.current = same ? last.current : null;
    last.current = reading;
  }
  const earlier = before.current;
  const all = useMemo(() => (reading ? loads(reading, earlier) : []), [reading, earlier]);
  return { pipeline: reading?.pipeline, all, over };
}

export default function Plan({ live }: { live: Live }) {
  const { pipeline, all, over } = useReadings(live);
  const [table, setTable] = useState(false);
  if (!pipeline)
    return (
      <Empty icon={Workflow} title={t.none}>
        {t.noneWhy}
      </Empty>
    );
  return (
    <ReactFlowProvider>
      <div className="flex h-full min-h-0 flex-col">
        <Bar all={all} over={over} table={table} onTable={() => setTable(!table)} />
        {table ? <AsTable all={all} /> : <AsGraph pipeline={pipeline} all={all} />}
      </div>
    </ReactFlowProvider>
  );
}

interface BarProps {
  all: Load[];
  over: boolean;
  table: boolean;
  onTable: () => void;
}

function Bar({ all, over, table, onTable }: BarProps) {
  const flow = useReactFlow();
  const most = slowest(all);
  const show = () => {
    if (!most) return;
    flow.setNodes((nodes) =>
      nodes.map((node) => ({ ...node, selected: node.id === String(most.id) })),
    );
    void flow.fitView({ nodes: [{ id: String(most.id) }], maxZoom: 1.2, duration: 250 });
  };
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line px-2 py-1">
      <Button icon={Gauge} disabled={!most || table} onClick={show}>
        {t.slowest}
      </Button>
      {most && (
        <span className="text-xs text-muted">
          {most.name}: {t.share(percent(most.share))}
        </span>
      )}
      {over && <span className="text-xs text-muted">{t.ended}</span>}
      <span className="ml-auto flex">
        <IconButton
          icon={Maximize}
          label={t.fit}
          disabled={table}
          onClick={() => void flow.fitView({ maxZoom: 1, duration: 250 })}
        />
        <IconButton
          icon={table ? Workflow : Rows3}
          label={table ? t.asGraph : t.asTable}
          onClick={onTable}
        />
      </span>
    </div>
  );
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

function AsGraph({ pipeline, all }: { pipeline: Pipeline; all: Load[] }) {
  const shape = JSON.stringify([
    pipeline.nodes.map((node) => [node.id, node.name]),
    pipeline.edges,
  ]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: places depend on the shape alone
  const { nodes, edges } = useMemo(() => graphOf(pipeline), [shape]);
  const byId = useMemo(() => new Map(all.map((one) => [one.id, one])), [all]);
  const flow = useReactFlow();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another shape is shown whole
  useEffect(() => {
    const frame = requestAnimationFrame(() => void flow.fitView({ maxZoom: 1 }));
    return () => cancelAnimationFrame(frame);
  }, [flow, shape]);
  return (
    <Loads value={byId}>
      <div className="min-h-0 flex-1" role="region" aria-label={t.label}>
        <ReactFlow
          key={shape}
          defaultNodes={nodes}
          defaultEdges={edges}
          nodeTypes={TYPES}
          fitView
          fitViewOptions={{ maxZoom: 1 }}
          {...ZOOM}
          style={FLOW}
          nodesConnectable={false}
          edgesFocusable={false}
          deleteKeyCode={null}
        >
          <Background gap={20} size={1} color="var(--line)" />
        </ReactFlow>
      </div>
    </Loads>
  );
}

function graphOf(pipeline: Pipeline): { nodes: Node[]; edges: Edge[] } {
  const at = places(pipeline);
  return {
    nodes: pipeline.nodes.map((node) => ({
      id: String(node.id),
      type: "operator",
      position: at.get(node.id) ?? { x: 0, y: 0 },
      width: NODE_WIDTH,
      height: NODE_HEIGHT,
      ariaLabel: node.name,
      data: { id: node.id, name: node.name },
    })),
    edges: pipeline.edges.map((edge) => ({
      id: `${edge.from}-${edge.to}`,
      source: String(edge.from),
      target: String(edge.to),
      style: { stroke: "var(--edge)" },
      markerEnd: { type: MarkerType.ArrowClosed, color: "var(--edge)" },
    })),
  };
}

type OperatorNode = Node<{ id: number; name: string }>;

const Operator = memo(function Operator({ data, selected }: NodeProps<OperatorNode>) {
  const load = useContext(Loads).get(data.id);
  const share = load?.share ?? 0;
  return (
    <div
      style={{
        width: NODE_WIDTH,
        height: NODE_HEIGHT,
        background: `color-mix(in srgb, var(--warn) ${Math.round(share * 30)}%, var(--surface))`,
      }}
      className={`flex flex-col justify-center gap-0.5 rounded-md border px-2.5 text-left ${
        selected ? "border-accent outline-2 outline-accent" : "border-edge/60"
      }`}
    >
      <Handle type="target" position={Position.Left} className="opacity-0" />
      <span className="truncate text-[13px] font-medium" title={data.name}>
        {data.name}
      </span>
      <span className="text-xs tabular-nums">{t.share(percent(share))}</span>
      <span className="truncate text-xs tabular-nums">
        {load ? `${t.rate(bytes(load.bytesPerSecond))} · ${bytes(load.bytes)}` : ""}
      </span>
      <Handle type="source" position={Position.Right} className="opacity-0" />
    </div>
  );
});

const TYPES = { operator: Operator };

function AsTable({ all }: { all: Load[] }) {
  return (
    <div className="min-h-0 flex-1 overflow-auto" tabIndex={0} role="region" aria-label={t.label}>
      <table className="w-full text-left" aria-label={t.label}>
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            <th className="px-3 py-1 font-medium">{t.node}</th>
            <th className="px-3 py-1 text-right font-medium">{t.time}</th>
            <th className="px-3 py-1 text-right font-medium">{t.bytes}</th>
            <th className="px-3 py-1 text-right font-medium">{t.all}</th>
            <th className="px-3 py-1 font-medium">{t.state}</th>
          </tr>
        </thead>
        <tbody>
          {all.map((one) => (
            <tr key={one.id} className="h-(--row) border-b border-line">
              <td className="px-3">{one.name}</td>
              <td className="px-3 text-right tabular-nums">{percent(one.share)}</td>
              <td className="px-3 text-right tabular-nums">{bytes(one.bytesPerSecond)}</td>
              <td className="px-3 text-right tabular-nums">{bytes(one.bytes)}</td>
              <td className="px-3">{one.status}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
