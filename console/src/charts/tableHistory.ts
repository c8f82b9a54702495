// What the cells of a table were before: for arrows of change, and for small lines of the past.
import { useMemo, useRef } from "react";
import { type Json, object, text, updateOf, type Viz } from "./config";
import { type Column, indexOf, kindOf, numberOf, type Row, textOf } from "./values";

/** Values of a small line, the newest last. */
export const POINTS_MAX = 30;
const KEYS_MAX = 1_000;

/** Of each row: of the columns that are asked for, the values before and the value now. */
export type Past = Map<Row, Map<number, number[]>>;

/** Columns that show a change or a line of the past. */
export function watched(columns: Column[], config: Json): number[] {
  const styles = object(config, "tableStyles");
  return columns.flatMap((column, at) => {
    const style = object(styles, column.name);
    return style.trend === true || isLine(style) ? [at] : [];
  });
}

export function isLine(style: Json): boolean {
  return ["line", "sparkline", "area"].includes(text(style, "miniChartType"));
}

/** The columns that say which row it is: the key's, or in frames all texts; none: rows follow. */
function identity(viz: Viz, columns: Column[]): number[] {
  const { mode, key } = updateOf(viz);
  const keys = key.map((name) => indexOf(columns, name)).filter((at) => at >= 0);
  if (mode === "key") return keys;
  if (mode === "all") return [];
  return columns.flatMap(({ type }, at) => (kindOf(type) === "text" ? [at] : []));
}

/** Appended rows: each one's past are the rows above it. */
function above(rows: Row[], columns: number[]): Past {
  return new Map(
    rows.map((row, n) => {
      const part = rows.slice(Math.max(0, n + 1 - POINTS_MAX), n + 1);
      return [row, new Map(columns.map((at) => [at, part.map((one) => numberOf(one[at]))]))];
    }),
  );
}

type Kept = Map<string, Map<number, number[]>>;

/** Rows that change: each one's past is what was seen of it. `kept` is what was seen until now. */
export function seen(kept: Kept, rows: Row[], columns: number[], key: number[]): Past {
  const past: Past = new Map();
  for (const row of rows) {
    const name = JSON.stringify(key.map((at) => textOf(row[at])));
    const before = kept.get(name) ?? new Map<number, number[]>();
    for (const at of columns) {
      const values = before.get(at) ?? [];
      const now = numberOf(row[at]);
      if (values.at(-1) !== now && Number.isFinite(now))
        before.set(at, [...values.slice(1 - POINTS_MAX), now]);
    }
    kept.delete(name);
    kept.set(name, before);
    past.set(row, before);
  }
  for (const name of kept.keys()) {
    if (kept.size <= KEYS_MAX) break;
    kept.delete(name);
  }
  return past;
}

export function usePast(rows: Row[], columns: Column[], viz: Viz): Past {
  const kept = useRef<{ of: string; rows: Kept }>({ of: "", rows: new Map() });
  return useMemo(() => {
    const wanted = watched(columns, viz.config);
    if (!wanted.length) return new Map();
    const key = identity(viz, columns);
    if (!key.length) return above(rows, wanted);
    const of = JSON.stringify([wanted, key]);
    if (kept.current.of !== of) kept.current = { of, rows: new Map() };
    return seen(kept.current.rows, rows, wanted, key);
  }, [rows, columns, viz]);
}
