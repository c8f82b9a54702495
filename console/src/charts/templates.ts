// The placeholders of a Markdown text: `{{col}}` of the last row, `{{@key::col}}` of a key's row.

import { type Column, indexOf, kindOf, type Row, textOf, timeOf } from "./values";
import { timeText } from "./words";

export const MARK = /\{\{\s*(?:@([^{}]*?)::)?([^{}]+?)\s*\}\}/g;

export interface Source {
  columns: Column[];
  rows: Row[];
  /** The column whose value `@key` names; without one any column may hold it. */
  keyColumn: string;
  variables: Record<string, string | string[]>;
  zone: string | undefined;
}

function rowOf(source: Source, key: string | undefined): Row | undefined {
  if (key === undefined) return source.rows.at(-1);
  const at = indexOf(source.columns, source.keyColumn);
  const holds = (row: Row) =>
    at >= 0 ? textOf(row[at]) === key : row.some((value) => textOf(value) === key);
  return source.rows.findLast(holds);
}

/** The text with what is known filled in; "–" for what is not there (yet). Means and the like have
 * six digits, unless `exact`. */
export function filled(text: string, source: Source, exact = false): string {
  return text.replace(MARK, (_mark, key: string | undefined, name: string) => {
    const at = indexOf(source.columns, name);
    if (at < 0) {
      const value = key === undefined ? source.variables[name] : undefined;
      return value === undefined ? "–" : Array.isArray(value) ? value.join(", ") : value;
    }
    const value = rowOf(source, key)?.[at];
    if (value === undefined || value === null) return "–";
    if (kindOf(source.columns[at]!.type) === "time") return timeText(timeOf(value), source.zone);
    if (!exact && typeof value === "number" && !Number.isInteger(value)) return rounded(value);
    return textOf(value);
  });
}

function rounded(value: number): string {
  return String(Math.abs(value) < 1e6 ? Number(value.toPrecision(6)) : Number(value.toFixed(2)));
}
