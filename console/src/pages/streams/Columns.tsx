// The columns of a stream or view as a list.
import { streams as text } from "@/text/streams";
import { Badge } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import type { ColumnsResp } from "./calls";

export function Columns({ columns }: { columns: ColumnsResp[] }) {
  return (
    <DataTable
      label={text.columns}
      rows={columns}
      id={(column) => column.name}
      columns={[
        {
          id: "name",
          title: text.column,
          value: (column) => column.name,
          cell: (column) => <span className="font-mono">{column.name}</span>,
        },
        {
          id: "type",
          title: text.type,
          value: (column) => column.type,
          cell: (column) => (
            <span className="inline-flex gap-2">
              <span className="font-mono">{column.type}</span>
              {column.nullable && <Badge>{text.nullable}</Badge>}
            </span>
          ),
        },
        {
          id: "default",
          title: text.default,
          value: (column) => column.default,
          cell: (column) => <span className="font-mono text-xs">{column.default}</span>,
        },
        {
          id: "description",
          title: text.description,
          value: (column) => column.comment,
          cell: (column) => column.comment,
        },
      ]}
    />
  );
}
