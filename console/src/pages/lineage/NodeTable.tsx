// The same graph as a list, for those who read lines better than lines between boxes.
import { useMemo } from "react";
import { lineage as text } from "@/text/lineage";
import { Status } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import { age, compact } from "@/ui/format";
import type { Graph, GraphNode } from "./graph";
import { useNodeRate } from "./rates";

interface Line {
  node: GraphNode;
  reads: string;
  readBy: string;
}

export function NodeTable({ graph, onFocus }: { graph: Graph; onFocus: (id: string) => void }) {
  const lines = useMemo(() => {
    const names = new Map(graph.nodes.map((node) => [node.id, node.name]));
    const join = (ids: string[]) => ids.map((id) => names.get(id)).join(", ");
    return graph.nodes.map(
      (node): Line => ({
        node,
        reads: join(graph.edges.filter((e) => e.target === node.id).map((e) => e.source)),
        readBy: join(graph.edges.filter((e) => e.source === node.id).map((e) => e.target)),
      }),
    );
  }, [graph]);
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
        { id: "rows", title: text.rows, numeric: true, cell: ({ node }) => <Rows id={node.id} /> },
        { id: "lag", title: text.lag, numeric: true, cell: ({ node }) => <Lag id={node.id} /> },
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

function Rows({ id }: { id: string }) {
  const rate = useNodeRate(id);
  return <>{rate ? compact(Math.max(rate.rows_in, rate.rows_out)) : ""}</>;
}

function Lag({ id }: { id: string }) {
  const rate = useNodeRate(id);
  return <>{rate?.lag_ms ? age(rate.lag_ms) : ""}</>;
}
