// A chart in a sentence, for those who do not see it.

import type { SeriesSnapshot } from "@/live/types";
import { charts } from "@/text/charts";
import type { Viz } from "./config";
import { numberText, timeText } from "./words";

const LINES_MAX = 5;

function ends(values: Float64Array): { last: number; low: number; high: number } {
  let [last, low, high] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    last = value;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { last, low, high };
}

export function summary(
  viz: Viz,
  rows: number,
  series: SeriesSnapshot | null,
  zone?: string,
): string {
  const name = charts.types[viz.chartType as keyof typeof charts.types] ?? viz.chartType;
  if (!series?.x.length || (viz.chartType !== "line" && viz.chartType !== "area"))
    return charts.summary.rows(name, rows);
  const format = numberText(viz.config);
  const [from, to] = [timeText(series.x[0]!, zone), timeText(series.x.at(-1)!, zone)];
  const lines = series.lines.slice(0, LINES_MAX).map((line) => {
    const { last, low, high } = ends(line.values);
    const title = line.other ? charts.other : (line.group ?? line.y);
    return charts.summary.line(title, format(last), format(low), format(high));
  });
  return [
    charts.summary.lines(name, series.lines.length, series.x.length, from, to),
    ...lines,
  ].join(" ");
}
