// What of a query's rows a chart needs: how many, folded how, which points for lines.
import type { SeriesView, UpdateMode } from "@/live/types";
import { isObject, list, number, rangeMs, text, updateOf, type Viz } from "./config";
import { rolesOf } from "./guess";
import { type Column, indexOf, kindOf, type Row, textOf } from "./values";

export interface ChartLook {
  maxRows: number;
  mode: UpdateMode;
  series: SeriesView | null;
}

// Rows that kinds of charts show at most; each redraw takes all of them.
const ROWS: Record<string, number> = {
  line: 20,
  area: 20,
  table: 100,
  singleValue: 2,
  bar: 1_000,
  column: 1_000,
  pie: 500,
  gauge: 50,
  histogram: 3_000,
  heatmap: 2_000,
  ohlc: 500,
  geo: 2_000,
  md: 500,
  logs: 200,
  stateTimeline: 2_000,
  grammar: 2_000,
};
const ROWS_MAX = 5_000;
const SORTED_ROWS = 1_000;
const WIDTH = 600;
const SPARK_WIDTH = 120;

// Kinds that take many rows and are read, not watched, change less often.
const SLOW_HZ = 2;
const SLOW = new Set(["histogram", "heatmap", "stateTimeline", "geo", "grammar", "ohlc"]);

// The server's least.
const LEAST_HZ = 0.2;

/** Snapshots a second of a kind of chart, at most `hz`; a grammar's `throttleMs` asks for fewer. */
export function hzOf(viz: Viz, hz: number): number {
  const most = SLOW.has(viz.chartType) ? Math.min(hz, SLOW_HZ) : hz;
  const pause = viz.chartType === "grammar" ? number(viz.config, "throttleMs") : undefined;
  return pause && pause > 0 ? Math.max(LEAST_HZ, Math.min(most, 1000 / pause)) : most;
}

export function isTimeSeries(viz: Viz, columns: Column[]): boolean {
  if (viz.chartType === "line" || viz.chartType === "area") {
    const x = indexOf(columns, lineAxes(viz, columns).x);
    return x >= 0 && kindOf(columns[x]!.type) === "time";
  }
  return false;
}

/** Columns of a line or area chart; what its settings do not name is taken from the header. */
export function lineAxes(viz: Viz, columns: Column[]): { x: string; y: string[]; by: string } {
  const roles = rolesOf(columns, []);
  const has = (name: string) => indexOf(columns, name) >= 0;
  const y = list(viz.config, "yAxis").filter(has);
  const x = text(viz.config, "xAxis");
  const by = text(viz.config, "color");
  return {
    x: has(x) ? x : x ? "" : (roles.times[0] ?? ""),
    y: y.length || list(viz.config, "yAxis").length ? y : roles.measures.slice(0, 1),
    by: has(by) ? by : "",
  };
}

/** The column of a single value: files name it `value` or `field`. */
export function valueColumn(viz: Viz, columns: Column[]): string {
  const named = text(viz.config, "value") || text(viz.config, "field");
  if (named) return named;
  const roles = rolesOf(columns, []);
  return roles.measures[0] ?? columns[0]?.name ?? "";
}

/** The look of a chart that is `width` pixels wide. `windowMs` narrows lines to the page's range. */
export function lookOf(viz: Viz, columns: Column[], width: number, windowMs?: number): ChartLook {
  const wanted =
    viz.chartType === "table" || viz.chartType === "logs" ? "rowCount" : "streamMaxItems";
  const sorted = viz.chartType === "table" && isObject(viz.config.x_sort);
  const rows = sorted ? SORTED_ROWS : (number(viz.config, wanted) ?? ROWS[viz.chartType] ?? 100);
  return {
    maxRows: Math.min(Math.max(1, rows), ROWS_MAX),
    mode: modeOf(viz, columns),
    series: seriesOf(viz, columns, width, windowMs),
  };
}

function modeOf(viz: Viz, columns: Column[]): UpdateMode {
  const { mode, key } = updateOf(viz);
  // Several columns together are a key that only the page folds by.
  if (mode === "all" || key.length !== 1 || indexOf(columns, key[0]) < 0) return { kind: "all" };
  return { kind: mode, key: key[0]! };
}

function seriesOf(
  viz: Viz,
  columns: Column[],
  width: number,
  windowMs: number | undefined,
): SeriesView | null {
  if (isTimeSeries(viz, columns)) {
    const { x, y, by } = lineAxes(viz, columns);
    const range = windowMs ?? rangeMs(viz.config);
    const wide = Math.max(50, Math.round(width) || WIDTH);
    return { x, y, ...(by && { by }), width: wide, ...(range && { rangeMs: range }) };
  }
  if (viz.chartType !== "singleValue" || viz.config.sparkline !== true) return null;
  const [time] = rolesOf(columns, []).times;
  const range = rangeMs(viz.config);
  return time
    ? {
        x: time,
        y: [valueColumn(viz, columns)],
        width: SPARK_WIDTH,
        ...(range && { rangeMs: range }),
      }
    : null;
}

/** Folds rows by a key of several columns, which the worker does not do. */
export function folded(rows: Row[], viz: Viz, columns: Column[]): Row[] {
  const { mode, key } = updateOf(viz);
  const at = key.map((name) => indexOf(columns, name));
  if (mode === "all" || key.length < 2 || at.includes(-1)) return rows;
  const named = (row: Row) => JSON.stringify(at.map((n) => textOf(row[n])));
  if (mode === "key") return [...new Map(rows.map((row) => [named(row), row])).values()];
  const last = rows.at(-1);
  const frame = last && named(last);
  return rows.filter((row) => named(row) === frame);
}
