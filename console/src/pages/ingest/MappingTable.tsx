// The file's columns against the stream's: names, types, how many first values are empty or bad.
import { useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { ingest as text } from "@/text/ingest";
import { Badge } from "@/ui/Badge";
import { ChoiceField, TextField } from "@/ui/Field";
import { badCell, type FileColumn, type Into, type Mapped, streamColumns } from "./mapping";
import type { Head } from "./protocol";
import { columnName } from "./types";

interface Props {
  head: Head;
  columns: FileColumn[];
  into: Into;
  onChange: (change: Partial<Into>) => void;
}

// Offered while a type is typed; any other that the dialect knows can be written.
const TYPES = [
  "string",
  "int32",
  "int64",
  "float64",
  "bool",
  "date",
  "datetime64(3)",
  "decimal(18, 4)",
  "uuid",
  "json",
  "array(string)",
  "nullable(string)",
  "nullable(int64)",
  "nullable(float64)",
];

export function MappingTable({ head, columns, into, onChange }: Props) {
  const put = (n: number, change: Partial<Mapped>) =>
    onChange({
      mapped: into.mapped.map((old, m) => (m === n ? { ...old, ...change } : old)),
      ...renamed(into, into.mapped[n]?.name ?? "", change.name),
    });
  const good = head.rows.filter((row) => !row.fault);
  return (
    <section
      tabIndex={0}
      aria-label={text.columns}
      className="overflow-x-auto rounded-md border border-line"
    >
      <table className="w-full border-collapse text-left">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            <th className="px-2 py-1 font-medium">{text.fileColumn}</th>
            <th className="px-2 py-1 font-medium">{text.column}</th>
            <th className="px-2 py-1 font-medium">{text.type}</th>
            <th className="px-2 py-1 text-right font-medium">{text.empties}</th>
            <th className="px-2 py-1 text-right font-medium">{text.bad}</th>
          </tr>
        </thead>
        <tbody>
          {into.mapped.map((one, n) => {
            const bad = good.filter((row) => badCell(row, one)).length;
            return (
              <tr key={one.from} className="border-b border-line last:border-0">
                <td className="px-2 py-1 font-mono text-xs whitespace-nowrap">{one.label}</td>
                {into.kind === "new" ? (
                  <NewCells
                    one={one}
                    fixed={head.format.kind !== "csv"}
                    type={columns[n]?.type ?? "string"}
                    onPut={(change) => put(n, change)}
                  />
                ) : (
                  <ExistingCells
                    one={one}
                    stream={into.name}
                    fixed={head.format.kind !== "csv"}
                    onPut={(change) => put(n, change)}
                  />
                )}
                <td className="px-2 text-right tabular-nums" title={text.guessed(good.length)}>
                  {columns[n]?.nulls || ""}
                </td>
                <td className="px-2 text-right tabular-nums" title={text.guessed(good.length)}>
                  {bad > 0 && <Badge tone="bad">{bad}</Badge>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <datalist id="ingest-types">
        {TYPES.map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
    </section>
  );
}

/** Event time and key follow their column. */
function renamed(into: Into, old: string, name: string | undefined): Partial<Into> {
  if (name === undefined || !old) return {};
  return {
    ...(into.eventTime === old && { eventTime: name }),
    ...(into.key === old && { key: name }),
  };
}

interface CellProps {
  one: Mapped;
  onPut: (change: Partial<Mapped>) => void;
  /** Keys of JSON are sent as they are: their name cannot be another. */
  fixed: boolean;
}

function NewCells({ one, fixed, type, onPut }: CellProps & { type: string }) {
  const named = fixed ? one.label : columnName(one.label, Number(one.from), new Set());
  return (
    <>
      <td className="min-w-48 px-2 py-1">
        <span className="flex items-center gap-2">
          <input
            type="checkbox"
            aria-label={text.include(one.label)}
            checked={!!one.name}
            onChange={(event) => onPut({ name: event.target.checked ? named : "" })}
            className="size-4 shrink-0 accent-(--accent)"
          />
          <span className="flex-1">
            <TextField
              label={text.columnOf(one.label)}
              bare
              placeholder={text.leaveOut}
              readOnly={fixed}
              value={one.name}
              onChange={(event) => onPut({ name: event.target.value })}
            />
          </span>
        </span>
      </td>
      <td className="min-w-44 px-2 py-1">
        <TextField
          label={text.typeOf(one.label)}
          bare
          list="ingest-types"
          placeholder={type}
          disabled={!one.name}
          value={one.type}
          onChange={(event) => onPut({ type: event.target.value })}
        />
      </td>
    </>
  );
}

function ExistingCells({ one, stream, fixed, onPut }: CellProps & { stream: string }) {
  const { data } = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  const found = data?.find((candidate) => candidate.name === stream);
  const columns = found ? streamColumns(found) : [];
  return (
    <>
      <td className="min-w-48 px-2 py-1">
        {fixed ? (
          <span className={one.name ? "font-mono text-xs" : "text-muted"}>
            {one.name || text.noColumn}
          </span>
        ) : (
          <ChoiceField
            label={text.columnOf(one.label)}
            bare
            value={one.name}
            choices={[
              { value: "", label: text.leaveOut },
              ...columns.map(({ name }) => ({ value: name, label: name })),
            ]}
            onChange={(event) =>
              onPut({
                name: event.target.value,
                type: columns.find((column) => column.name === event.target.value)?.type ?? "",
              })
            }
          />
        )}
      </td>
      <td className="px-2 py-1 font-mono text-xs whitespace-nowrap">{one.type}</td>
    </>
  );
}
