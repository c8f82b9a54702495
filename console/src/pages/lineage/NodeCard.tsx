// A node of the lineage graph: kind, name, state, rates; of a fixed size.
import { Handle, type NodeProps, Position } from "@xyflow/react";
import {
  ArrowDownToLine,
  ArrowUpFromLine,
  BellRing,
  Bookmark,
  Boxes,
  Braces,
  Database,
  Layers,
  LayoutDashboard,
  type LucideIcon,
  SquareTerminal,
  Waypoints,
} from "lucide-react";
import { memo } from "react";
import { lineage as text } from "@/text/lineage";
import { cx } from "@/ui/cx";
import { age, compact } from "@/ui/format";
import { GROUP, type GraphNode, isFailed, isStopped } from "./graph";
import { HEIGHT, WIDTH } from "./places";
import { useNodeRate } from "./rates";

const ICONS: Record<string, LucideIcon> = {
  source: ArrowDownToLine,
  sink: ArrowUpFromLine,
  stream: Database,
  view: Layers,
  materialized_view: Layers,
  alert: BellRing,
  query: SquareTerminal,
  dashboard: LayoutDashboard,
  savedquery: Bookmark,
  udf: Braces,
  external_stream: Waypoints,
  external_table: Waypoints,
};

export type CardData = { node: GraphNode; faded: boolean; chosen: boolean };

function NodeCardPlain({ data }: NodeProps & { data: CardData }) {
  const { node, faded, chosen } = data;
  const rate = useNodeRate(node.id);
  const status = rate?.status ?? node.status;
  const Icon = node.id.startsWith(GROUP) ? Boxes : (ICONS[node.type] ?? Boxes);
  const out = rate ? Math.max(rate.rows_in, rate.rows_out) : null;
  return (
    <div
      style={{ width: WIDTH, height: HEIGHT }}
      title={rate?.last_error || undefined}
      className={cx(
        "flex flex-col justify-center gap-0.5 rounded-md border bg-raised px-2 text-xs shadow-sm",
        isFailed(status)
          ? "border-2 border-bad"
          : chosen
            ? "border-2 border-accent"
            : "border-edge/60",
        isStopped(status) && !isFailed(status) && "border-dashed",
        faded && "opacity-30",
      )}
    >
      <Handle
        type="target"
        position={Position.Left}
        isConnectable={false}
        className="!size-1.5 !bg-edge"
      />
      <div className="flex items-center gap-1.5">
        <Icon aria-hidden size={14} className="shrink-0 text-accent" />
        <span className="truncate text-[13px] font-medium">{node.name}</span>
      </div>
      <div className="flex items-center gap-1.5 text-muted">
        <span className="shrink-0">{text.kind_[node.type] ?? node.type}</span>
        {status && status !== "running" && (
          <span className={cx("truncate", isFailed(status) && "text-bad")}>· {status}</span>
        )}
      </div>
      {rate && (
        <div className="flex gap-2 tabular-nums">
          {!!out && (
            <span>
              {compact(out)} {text.rows}
            </span>
          )}
          {rate.lag_ms > 1_000 && (
            <span className="text-warn">
              {text.lag} {age(rate.lag_ms)}
            </span>
          )}
        </div>
      )}
      <Handle
        type="source"
        position={Position.Right}
        isConnectable={false}
        className="!size-1.5 !bg-edge"
      />
    </div>
  );
}

export const NodeCard = memo(NodeCardPlain);
