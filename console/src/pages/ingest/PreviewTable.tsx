// The first rows of a file as a table; cells that do not fit their column are marked.
import { TriangleAlert } from "lucide-react";
import { ingest as text } from "@/text/ingest";
import { badCell, type Mapped, valueIn } from "./mapping";
import { type Head, SHOWN_ROWS } from "./protocol";
import type { Row } from "./rows";

interface Props {
  head: Head;
  /** With it columns are named and checked as the stream's. */
  mapped?: Mapped[];
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function PreviewTable({ head, mapped }: Props) {
  const columns =
    mapped?.filter((one) => one.name) ??
    head.names.map((label, n) => ({
      label,
      from: head.format.kind === "csv" ? n : label,
      name: label,
      type: "",
    }));
  return (
    <section
      tabIndex={0}
      aria-label={text.preview}
      className="max-h-96 overflow-auto rounded-md border border-line"
    >
      <table className="w-full border-collapse text-left text-xs">
        <thead className="sticky top-0 bg-surface">
          <tr className="border-b border-line text-muted">
            <th className="w-12 px-2 py-1 text-right font-medium">{text.row}</th>
            {columns.map((one) => (
              <th key={one.from} className="px-2 py-1 font-medium whitespace-nowrap">
                {one.name}
                {one.type && <span className="ml-1 font-mono font-normal">{one.type}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {head.rows.slice(0, SHOWN_ROWS).map((row) => (
            <tr key={row.n} className="h-6 border-b border-line last:border-0">
              <td className="px-2 text-right text-muted tabular-nums">{row.n}</td>
              {row.fault ? (
                <td colSpan={columns.length} className="bg-bad-soft px-2">
                  <Bad reason={row.fault} value={row.text ?? row.cells?.join(" | ") ?? ""} />
                </td>
              ) : (
                columns.map((one) => <Cell key={one.from} row={row} one={one} check={!!mapped} />)
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell({ row, one, check }: { row: Row; one: Mapped; check: boolean }) {
  const value = shown(valueIn(row, one.from));
  const reason = check ? badCell(row, one) : "";
  if (reason)
    return (
      <td className="bg-bad-soft px-2">
        <Bad reason={reason} value={value} />
      </td>
    );
  return (
    <td className="max-w-60 truncate px-2" title={value.length > 30 ? value : undefined}>
      {value}
    </td>
  );
}

function Bad({ reason, value }: { reason: string; value: string }) {
  return (
    <span title={reason} className="inline-flex max-w-full items-center gap-1 text-bad">
      <TriangleAlert aria-hidden size={12} className="shrink-0" />
      <span className="truncate">{value}</span>
      <span className="sr-only">{reason}</span>
    </span>
  );
}
