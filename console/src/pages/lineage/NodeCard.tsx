// A node of the lineage graph: kind, name, state, rates, lag, last error; of a fixed size.
import { Handle, type NodeProps, Position } from "@xyflow/react";
import { Boxes } from "lucide-react";
import { memo } from "react";
import { lineage as text } from "@/text/lineage";
import { Status } from "@/ui/Badge";
import { cx } from "@/ui/cx";
import { age, compact } from "@/ui/format";
import { GROUP, type GraphNode, isFailed, isStopped } from "./graph";
import { kindOf } from "./kinds";
import { HEIGHT, WIDTH } from "./places";
import { rowsOf, useNodeRate } from "./rates";

export type CardData = { node: GraphNode; faded: boolean; chosen: boolean };

// Less is not worth a warning: a row is on its way for as long.
const LAG_SHOWN_MS = 1_000;
const HANDLE = "!size-1.5 !bg-edge";

function NodeCardPlain({ data }: NodeProps & { data: CardData }) {
  const { node, faded, chosen } = data;
  const rate = useNodeRate(node.id);
  const status = rate?.status ?? node.status;
  const kind = kindOf(node.type);
  const Icon = node.id.startsWith(GROUP) ? Boxes : kind.icon;
  return (
    <div
      style={{ width: WIDTH, height: HEIGHT, borderLeftColor: `var(${kind.colour})` }}
      title={rate?.last_error ? `${node.name}: ${rate.last_error}` : node.name}
      className={cx(
        "flex flex-col justify-center gap-px border border-l-4 px-2 text-xs",
        kind.shape,
        // Paler without thin ink: what is not meant stays readable.
        faded ? "border-line bg-page text-muted grayscale" : "bg-raised shadow-sm",
        faded ? "" : isFailed(status) ? "border-bad" : chosen ? "border-accent" : "border-edge/60",
        isStopped(status) && !isFailed(status) && "border-dashed",
        chosen && "ring-2 ring-accent",
      )}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} className={HANDLE} />
      <div className="flex items-center gap-1.5">
        <Icon aria-hidden size={14} className="shrink-0" style={{ color: `var(${kind.colour})` }} />
        <span className="truncate text-[13px] font-medium">{node.name}</span>
      </div>
      <div className="flex items-center gap-1.5 text-muted">
        <span className="truncate">{text.kind_[node.type] ?? node.type}</span>
        {status && (faded ? <span>{status}</span> : <Status value={status} />)}
      </div>
      <Numbers id={node.id} faded={faded} />
      <Handle type="source" position={Position.Right} isConnectable={false} className={HANDLE} />
    </div>
  );
}

/** The last line of a card: what went wrong, else what flows. */
function Numbers({ id, faded }: { id: string; faded: boolean }) {
  const rate = useNodeRate(id);
  if (!rate) return null;
  if (rate.last_error && isFailed(rate.status))
    return <p className={cx("truncate", !faded && "text-bad")}>{rate.last_error}</p>;
  const rows = rowsOf(rate);
  return (
    <p className="flex gap-2 truncate tabular-nums">
      {rows > 0 && (
        <span>
          {compact(rows)} {text.rows}
        </span>
      )}
      {rate.lag_ms > LAG_SHOWN_MS && (
        <span className={cx(!faded && "text-warn")}>
          {text.lag} {age(rate.lag_ms)}
        </span>
      )}
    </p>
  );
}

export const NodeCard = memo(NodeCardPlain);
