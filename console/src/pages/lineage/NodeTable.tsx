// The same graph as a list, for those who read lines better than lines between boxes.
import { useMemo } from "react";
import { lineage as text } from "@/text/lineage";
import { Status } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import { age, compact } from "@/ui/format";
import type { Graph, GraphNode } from "./graph";
import { type NodeRate, nodeRate, rowsOf, useNodeRate } from "./rates";

interface Line {
  node: GraphNode;
  reads: string;
  readBy: string;
}

interface Props {
  graph: Graph;
  /** With what the filter left out: neighbours are named though they are not listed. */
  all: Graph;
  onFocus: (id: string) => void;
}

export function NodeTable({ graph, all, onFocus }: Props) {
  const lines = useMemo(() => {
    const names = new Map(all.nodes.map((node) => [node.id, node.name]));
    const join = (ids: string[]) => ids.map((id) => names.get(id)).join(", ");
    return graph.nodes.map(
      (node): Line => ({
        node,
        reads: join(all.edges.filter((e) => e.target === node.id).map((e) => e.source)),
        readBy: join(all.edges.filter((e) => e.source === node.id).map((e) => e.target)),
      }),
    );
  }, [graph, all]);
  return (
    <DataTable
      label={text.title}
      rows={lines}
      id={({ node }) => node.id}
      onOpen={({ node }) => onFocus(node.id)}
      columns={[
        {
          id: "name",
          title: text.name,
          value: ({ node }) => node.name,
          cell: ({ node }) => node.name,
        },
        {
          id: "kind",
          title: text.kind,
          value: ({ node }) => node.type,
          cell: ({ node }) => text.kind_[node.type] ?? node.type,
        },
        {
          id: "status",
          title: text.status,
          value: ({ node }) => node.status,
          cell: ({ node }) => node.status && <Status value={node.status} />,
        },
        {
          id: "rows",
          title: text.rows,
          numeric: true,
          value: ({ node }) => now(node.id, rowsOf),
          cell: ({ node }) => <Rows id={node.id} />,
        },
        {
          id: "lag",
          title: text.lag,
          numeric: true,
          value: ({ node }) => now(node.id, (rate) => rate.lag_ms),
          cell: ({ node }) => <Lag id={node.id} />,
        },
        {
          id: "reads",
          title: text.upstream,
          value: (line) => line.reads,
          cell: (line) => line.reads,
        },
        {
          id: "by",
          title: text.downstream,
          value: (line) => line.readBy,
          cell: (line) => line.readBy,
        },
      ]}
    />
  );
}

/** A number to sort by, as it is now. */
function now(id: string, of: (rate: NodeRate) => number): number {
  const rate = nodeRate(id);
  return rate ? of(rate) : 0;
}

function Rows({ id }: { id: string }) {
  const rate = useNodeRate(id);
  return <>{rate ? compact(rowsOf(rate)) : ""}</>;
}

function Lag({ id }: { id: string }) {
  const rate = useNodeRate(id);
  return <>{rate?.lag_ms ? age(rate.lag_ms) : ""}</>;
}
