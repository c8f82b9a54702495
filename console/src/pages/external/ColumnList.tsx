// Names and types of columns, to be written.
import { Plus, X } from "lucide-react";
import { external as text } from "@/text/external";
import { Button, IconButton } from "@/ui/Button";
import { TextField } from "@/ui/Field";

export interface NamedColumn {
  name: string;
  type: string;
}

interface Props {
  columns: NamedColumn[];
  onChange: (columns: NamedColumn[]) => void;
}

export function ColumnList({ columns, onChange }: Props) {
  const put = (n: number, part: Partial<NamedColumn>) =>
    onChange(columns.map((old, m) => (m === n ? { ...old, ...part } : old)));
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">{text.columns}</legend>
      <p className="mb-1 text-xs text-muted">{text.columnsHint}</p>
      {columns.map((column, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: names change while they are typed
        <div key={n} className="flex items-center gap-2">
          <div className="flex-1">
            <TextField
              label={`${text.column} ${n + 1}`}
              bare
              placeholder={text.column}
              value={column.name}
              onChange={(event) => put(n, { name: event.target.value })}
            />
          </div>
          <div className="flex-1">
            <TextField
              label={`${text.columnType} ${n + 1}`}
              bare
              placeholder={text.columnType}
              value={column.type}
              onChange={(event) => put(n, { type: event.target.value })}
            />
          </div>
          <IconButton
            icon={X}
            label={text.removeColumn(column.name || String(n + 1))}
            disabled={columns.length === 1}
            onClick={() => onChange(columns.filter((_, m) => m !== n))}
          />
        </div>
      ))}
      <Button
        icon={Plus}
        className="self-start"
        onClick={() => onChange([...columns, { name: "", type: "string" }])}
      >
        {text.addColumn}
      </Button>
    </fieldset>
  );
}
