// Names and statements as the dialect writes them.
import type { NamedColumn } from "./ColumnList";

const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name as it stands in SQL: in back-quotes where it is not a plain word. */
export const quoted = (name: string): string =>
  PLAIN.test(name) ? name : `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;

export interface StreamBody {
  name: string;
  columns: NamedColumn[];
  event_time_column?: string;
}

/** What creates the same stream as `POST streams` with this body. */
export function createStreamSql({ name, columns, event_time_column: time }: StreamBody): string {
  const lines = columns.map((column) => `  ${quoted(column.name)} ${column.type}`);
  const settings = time ? `\nSETTINGS event_time_column = '${time}'` : "";
  return `CREATE STREAM ${quoted(name)} (\n${lines.join(",\n")}\n)${settings}`;
}
