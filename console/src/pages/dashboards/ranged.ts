// A panel's SQL for a part of history instead of what comes.
import { kindOf } from "@/charts/values";
import { escaped } from "./variables";

/** Results whose rows say when they were, by the best column for it. */
const WINDOWS = ["window_start", "window_end", "_tp_time"];

export interface ResultColumn {
  name: string;
  type: string;
}

/** The column of a result that a time range is applied to; undefined if it has none. */
export function timeColumn(columns: ResultColumn[]): string | undefined {
  const times = columns.filter((column) => kindOf(column.type) === "time").map((c) => c.name);
  return WINDOWS.find((name) => times.includes(name)) ?? times[0];
}

/** A moment as the dialect reads it, in UTC with milliseconds. */
export function sqlTime(ms: number): string {
  return `to_datetime64('${new Date(ms).toISOString().replace("T", " ").slice(0, 23)}', 3, 'UTC')`;
}

/** The same SQL over the rows of history between two moments. */
export function bounded(sql: string, column: string, from: number, to: number): string {
  const inner = sql.trim().replace(/;\s*$/, "");
  const name = `\`${escaped(column, "`")}\``;
  return `SELECT * FROM (\n${inner}\n)\nWHERE ${name} >= ${sqlTime(from)} AND ${name} < ${sqlTime(to)}\nSETTINGS query_mode = 'table'`;
}

/** The SQL with texts, quoted names and comments blanked, at the same places. */
function masked(sql: string): string {
  return sql.replace(
    /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|\/\*[\s\S]*?\*\//g,
    (found) => " ".repeat(found.length),
  );
}

/** The same streaming SQL with so much of the past before what comes; as it is when it says itself
 * where reading begins. */
export function rewound(sql: string, windowMs: number): string {
  const plain = masked(sql);
  if (
    /\bseek_to\b|\bquery_mode\b|\breplay_\w+|\btable\s*\(|_tp_time\s*[<>=]|\bearliest_ts\b/i.test(
      plain,
    )
  )
    return sql;
  const trimmed = sql.trimEnd().replace(/;$/, "");
  const seek = `seek_to = '-${Math.max(1, Math.round(windowMs / 1000))}s'`;
  const settings = /\bsettings\b(?![\s\S]*[()])/i.test(plain.slice(0, trimmed.length));
  return `${trimmed}${settings ? ", " : "\nSETTINGS "}${seek}`;
}
