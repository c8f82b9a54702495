// The SQL of a chart that was put together without it.
import type { Viz } from "@/charts/config";
import { type Column, kindOf } from "@/charts/values";
import { escaped } from "@/pages/dashboards/variables";

export const AGGREGATIONS = [
  "count",
  "avg",
  "min",
  "max",
  "sum",
  "median",
  "p95",
  "uniq",
  "none",
] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];
export const OPERATORS = ["=", "!=", ">", ">=", "<", "<=", "contains"] as const;
export type Operator = (typeof OPERATORS)[number];
export const WINDOWS = ["250ms", "1s", "5s", "10s", "1m", "5m", "1h"];
export const CHARTS = ["line", "area", "column", "bar", "table", "heatmap"] as const;

export interface Filter {
  column: string;
  operator: Operator;
  value: string;
}

export interface Exploration {
  stream: string;
  aggregation: Aggregation;
  /** "" with count. */
  measure: string;
  /** "": one line. */
  by: string;
  window: string;
  filters: Filter[];
  chart: (typeof CHARTS)[number];
}

const AS = "value";

export const quoted = (name: string) =>
  /^[A-Za-z_]\w*$/.test(name) ? name : `\`${escaped(name, "`")}\``;

function measured({ aggregation, measure }: Exploration): string {
  const column = quoted(measure);
  if (aggregation === "count" || !measure) return "count()";
  if (aggregation === "none") return column;
  if (aggregation === "median") return `quantile(${column}, 0.5)`;
  if (aggregation === "p95") return `quantile(${column}, 0.95)`;
  return `${aggregation}(${column})`;
}

/** A condition, or "" where the value does not fit the column. */
export function condition(filter: Filter, columns: Column[]): string {
  const type = columns.find((column) => column.name === filter.column)?.type;
  if (!type) return "";
  const name = quoted(filter.column);
  if (filter.operator === "contains")
    return `position(to_string(${name}), '${escaped(filter.value, "'")}') > 0`;
  const kind = kindOf(type);
  if (kind === "number")
    return filter.value.trim() && Number.isFinite(Number(filter.value))
      ? `${name} ${filter.operator} ${Number(filter.value)}`
      : "";
  if (kind === "bool")
    return /^(true|false)$/i.test(filter.value)
      ? `${name} ${filter.operator} ${filter.value.toLowerCase()}`
      : "";
  return `${name} ${filter.operator} '${escaped(filter.value, "'")}'`;
}

export function sqlOf(of: Exploration, columns: Column[]): string {
  const conditions = of.filters.map((filter) => condition(filter, columns)).filter(Boolean);
  const where = conditions.length ? `\nWHERE ${conditions.join(" AND ")}` : "";
  const by = of.by ? `${quoted(of.by)}, ` : "";
  if (of.aggregation === "none" && of.measure)
    return `SELECT _tp_time, ${by}${measured(of)} AS ${AS}\nFROM ${quoted(of.stream)}${where}`;
  const group = of.by ? `, ${quoted(of.by)}` : "";
  return `SELECT window_start, ${by}${measured(of)} AS ${AS}\nFROM tumble(${quoted(of.stream)}, ${of.window})${where}\nGROUP BY window_start${group}`;
}

export function vizOf(of: Exploration): Viz {
  const time = of.aggregation === "none" && of.measure ? "_tp_time" : "window_start";
  const color = of.by ? { color: of.by } : {};
  const title = of.aggregation === "count" || !of.measure ? {} : { yTitle: of.measure };
  switch (of.chart) {
    case "column":
    case "bar":
      return of.by
        ? {
            chartType: of.chart,
            config: { xAxis: of.by, yAxis: AS, updateMode: "key", updateKey: of.by },
          }
        : { chartType: of.chart, config: { xAxis: time, yAxis: AS, xRange: "5" } };
    case "table":
      return { chartType: "table", config: { rowCount: 100 } };
    case "heatmap":
      return { chartType: "heatmap", config: { xAxis: time, yAxis: of.by || time, value: AS } };
    default:
      return {
        chartType: of.chart,
        config: { xAxis: time, yAxis: AS, ...color, ...title, xRange: "Infinity" },
      };
  }
}
