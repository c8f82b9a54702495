// An edge of the lineage graph: width is rows per second, colour back-pressure, dashes a stop.
import { BaseEdge, type EdgeProps, getBezierPath } from "@xyflow/react";
import { memo } from "react";
import { isStopped } from "./graph";
import { useEdgeRate, useNodeRate } from "./rates";

/** Pixels of an edge: 1 for none, about 2 more for each ten times the rows. */
export const widthOf = (rows: number): number => 1 + Math.log10(1 + Math.max(0, rows)) * 1.6;

export function colourOf(pressure: number): string {
  if (pressure > 0.5) return "var(--bad)";
  return pressure > 0.1 ? "var(--warn)" : "var(--edge)";
}

export type FlowData = { faded: boolean };

function FlowEdgePlain(props: EdgeProps & { data?: FlowData }) {
  const rate = useEdgeRate(props.source, props.target);
  const source = useNodeRate(props.source);
  const target = useNodeRate(props.target);
  const [path] = getBezierPath(props);
  const stopped = isStopped(source?.status ?? "") || isStopped(target?.status ?? "");
  const rows = rate?.rows ?? 0;
  return (
    <BaseEdge
      id={props.id}
      path={path}
      markerEnd={props.markerEnd}
      style={{
        stroke: colourOf(rate?.pressure ?? 0),
        strokeWidth: widthOf(rows),
        strokeDasharray: stopped ? "6 5" : undefined,
        opacity: props.data?.faded ? 0.2 : 1,
      }}
    />
  );
}

export const FlowEdge = memo(FlowEdgePlain);
