// Names and types of columns, to be written: of new streams, external streams, sources.
import { Plus, X } from "lucide-react";
import { useId } from "react";
import { forms as text } from "@/text/forms";
import { Button, IconButton } from "@/ui/Button";
import { TextField } from "@/ui/Field";

export interface NamedColumn {
  name: string;
  type: string;
}

// Offered while a type is typed; any other that the dialect knows can be written.
const TYPES = [
  "string",
  "int32",
  "int64",
  "float64",
  "bool",
  "datetime64(3)",
  "date",
  "decimal(18, 4)",
  "uuid",
  "json",
  "array(string)",
  "map(string, string)",
  "nullable(string)",
  "nullable(float64)",
];

/** A column whose name is left empty is none. */
export const namedOnly = (columns: NamedColumn[]): NamedColumn[] =>
  columns.filter((column) => column.name.trim());

interface Props {
  columns: NamedColumn[];
  onChange: (columns: NamedColumn[]) => void;
  hint?: string;
  /** So many lines stay. */
  least?: number;
}

export function ColumnList({ columns, onChange, hint, least = 1 }: Props) {
  const types = useId();
  const put = (n: number, part: Partial<NamedColumn>) =>
    onChange(columns.map((old, m) => (m === n ? { ...old, ...part } : old)));
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">{text.columns}</legend>
      {hint && <p className="mb-1 text-xs text-muted">{hint}</p>}
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
              list={types}
              placeholder={text.columnType}
              value={column.type}
              onChange={(event) => put(n, { type: event.target.value })}
            />
          </div>
          <IconButton
            icon={X}
            label={text.removeColumn(column.name || String(n + 1))}
            disabled={columns.length <= least}
            onClick={() => onChange(columns.filter((_, m) => m !== n))}
          />
        </div>
      ))}
      <datalist id={types}>
        {TYPES.map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
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
