// Rows as text of other programs: TSV, CSV, JSON, NDJSON, SQL values.
import { cellText, isNumeric } from "./decode";
import type { Row, Value } from "./protocol";
import type { Format, Header } from "./types";

const CHUNK_ROWS = 1_000;
const MIME: Record<Format, string> = {
  tsv: "text/tab-separated-values",
  csv: "text/csv",
  json: "application/json",
  ndjson: "application/x-ndjson",
  sql: "application/sql",
};

/** Tabs and line ends inside of cells would be borders; a spreadsheet gets spaces. */
const tsvCell = (cell: Value | undefined): string => cellText(cell).replace(/[\t\r\n]+/g, " ");

function csvCell(cell: Value | undefined): string {
  const text = cellText(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A literal of the dialect. Numbers that came as text (128 and 256 bits) stay numbers. */
export function sqlLiteral(cell: Value | undefined, type: string): string {
  if (cell === null || cell === undefined) return "null";
  if (typeof cell === "number" || typeof cell === "boolean") return String(cell);
  if (Array.isArray(cell)) {
    const inner = /^array\((.*)\)$/i.exec(type)?.[1] ?? "";
    return `[${cell.map((one) => sqlLiteral(one, inner)).join(", ")}]`;
  }
  const text = cellText(cell);
  if (isNumeric(type) && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return text;
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/i.test(name) ? name : `\`${name.replaceAll("`", "``")}\``;

function objectOf(row: Row, header: Header[]): Record<string, Value> {
  return Object.fromEntries(header.map((column, i) => [column.name, row[i] ?? null]));
}

function head(format: Format, header: Header[], table: string): string {
  const names = header.map((column) => column.name);
  if (format === "tsv") return `${names.map(tsvCell).join("\t")}\n`;
  if (format === "csv") return `${names.map(csvCell).join(",")}\r\n`;
  if (format === "json") return "[";
  if (format !== "sql") return "";
  return table ? `insert into ${quoted(table)} (${names.map(quoted).join(", ")}) values\n` : "";
}

function line(format: Format, row: Row, header: Header[], first: boolean): string {
  if (format === "tsv") return `${header.map((_, i) => tsvCell(row[i])).join("\t")}\n`;
  if (format === "csv") return `${header.map((_, i) => csvCell(row[i])).join(",")}\r\n`;
  if (format === "ndjson") return `${JSON.stringify(objectOf(row, header))}\n`;
  if (format === "json") return `${first ? "\n" : ",\n"}  ${JSON.stringify(objectOf(row, header))}`;
  const values = header.map((column, i) => sqlLiteral(row[i], column.type)).join(", ");
  return `${first ? "" : ",\n"}(${values})`;
}

function tail(format: Format, table: string): string {
  if (format === "json") return "\n]\n";
  return format === "sql" ? (table ? ";\n" : "\n") : "";
}

/** Rows in a format; `table` names the stream in front of SQL values. */
export function exported(rows: Row[], header: Header[], format: Format, table: string): Blob {
  const parts: string[] = [head(format, header, table)];
  for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
    const chunk = rows.slice(from, from + CHUNK_ROWS);
    parts.push(chunk.map((row, i) => line(format, row, header, from + i === 0)).join(""));
  }
  parts.push(tail(format, table));
  return new Blob(parts, { type: `${MIME[format]};charset=utf-8` });
}
