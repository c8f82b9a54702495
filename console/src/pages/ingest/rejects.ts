// Rejected rows: kept up to a bound, shown, and written as a file that can be mended.
import type { Rejected } from "./plan";

// As many are kept for the download; all are counted.
const KEPT_MAX = 100_000;
const KEPT_CHARS_MAX = 32 << 20;

export class Rejects {
  readonly rows: Rejected[] = [];
  private chars = 0;

  /** Keeps it, unless there is no room. */
  add(row: Rejected): void {
    if (this.rows.length >= KEPT_MAX || this.chars > KEPT_CHARS_MAX) return;
    this.chars += (row.text ?? "").length + (row.cells ?? []).reduce((n, c) => n + c.length, 0);
    this.rows.push(row);
  }
}

/** A row as it stood in the file, near enough to know it. */
export const shownRow = (row: Rejected): string => row.text ?? (row.cells ?? []).join(" | ");

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** CSV: the rows as they were, then number, column and reason. JSON: an object a line. */
export function rejectsFile(rows: Rejected[], names: string[]): { name: string; text: string } {
  if (rows.every((row) => row.text !== undefined)) {
    const lines = rows.map(({ n, column, reason, text }) =>
      JSON.stringify({ row: n, column, reason, text }),
    );
    return { name: "rejected.ndjson", text: `${lines.join("\n")}\n` };
  }
  const width = Math.max(names.length, ...rows.map((row) => row.cells?.length ?? 0));
  const pad = (cells: string[]) => [...cells, ...Array<string>(width - cells.length).fill("")];
  const lines = [
    [...pad(names), "rejected_row", "rejected_column", "rejected_reason"],
    ...rows.map((row) => [...pad(row.cells ?? []), String(row.n), row.column, row.reason]),
  ];
  return {
    name: "rejected.csv",
    text: lines.map((cells) => `${cells.map(quoted).join(",")}\n`).join(""),
  };
}

export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text]));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
