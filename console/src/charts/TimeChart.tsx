// Lines and areas over time, drawn by uPlot: one plot that gets new data, made anew when it must.
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useShownTheme } from "@/app/theme";
import type { SeriesSnapshot } from "@/live/types";
import { charts } from "@/text/charts";
import { flag } from "./config";
import { Legend } from "./Legend";
import type { ChartProps } from "./parts";
import { chartTheme, colourAt, paletteOf } from "./theme";
import { lineData, lineNames, lineOptions, shapeOf } from "./uplotOptions";
import { useSize } from "./useSize";
import { numberText, timeText } from "./words";

const HEIGHT_LEAST = 40;
const NO_VALUES: string[] = [];

interface Props extends ChartProps {
  series: SeriesSnapshot;
  label: string;
}

export function TimeChart(props: Props) {
  const { series, viz, zone, sync, onZoom, windowMs, label } = props;
  const [ref, size] = useSize();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useShownTheme();
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const newest = useRef(series);
  newest.current = series;
  const [at, setAt] = useState<number | null>(null);
  const names = lineNames(series, charts.other);
  const key = `${shapeOf(series, charts.other)}|${JSON.stringify(viz)}|${theme}|${zone}|${sync}|${!!onZoom}`;
  const ready = size.width > 0 && size.height >= HEIGHT_LEAST;
  // biome-ignore lint/correctness/useExhaustiveDependencies: all that needs another plot is in the key
  useEffect(() => {
    if (!ready || !host.current) return;
    const options = lineOptions(newest.current, {
      config: viz.config,
      area: viz.chartType === "area",
      theme: chartTheme(),
      width: size.width,
      height: size.height,
      zone,
      sync,
      onZoom: onZoom && ((from, to) => zoom.current?.(from, to)),
      otherName: charts.other,
      paths: uPlot.paths,
    });
    options.hooks!.setCursor = [(u) => setAt(u.cursor.idx ?? null)];
    const made = new uPlot(options, lineData(newest.current), host.current);
    made.root.setAttribute("aria-hidden", "true");
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [key, ready]);
  useEffect(() => {
    if (ready) plot.current?.setSize(size);
  }, [size, ready]);
  useEffect(() => {
    const drawn = plot.current;
    if (!drawn) return;
    const last = series.x.at(-1);
    drawn.setData(lineData(series), !windowMs);
    if (windowMs && last !== undefined) drawn.setScale("x", { min: last - windowMs, max: last });
  }, [series, windowMs]);
  const legend = flag(viz.config, "legend", true) && names.length > 0;
  const read = at !== null && at < series.x.length ? at : null;
  const format = numberText(viz.config);
  // Without a cursor the names stay as they are, whatever values come.
  const values =
    read === null ? NO_VALUES : series.lines.map((l) => nearest(l.values, read, format));
  const said = values.join("\u0001");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key has names, settings and theme
  const items = useMemo(() => {
    const colours = paletteOf(viz.config, chartTheme());
    return series.lines.map((line, n) => ({
      name: names[n]!,
      dashed: n >= colours.length,
      colour: line.other ? "var(--muted)" : colourAt(colours, n),
      value: values[n] ?? "",
    }));
  }, [key, said]);
  return (
    <div className="flex h-full min-h-0 flex-col">
      {legend && (
        <Legend
          when={read === null ? "" : timeText(series.x[read]!, zone)}
          items={items}
          note={series.folded ? charts.folded(series.folded) : ""}
        />
      )}
      <div ref={ref} className="relative min-h-0 flex-1 overflow-hidden">
        <div ref={host} role="img" aria-label={label} className="absolute inset-0" />
      </div>
    </div>
  );
}

// Lines have values at times of their own: the cursor reads the last one before it.
const BACK_MAX = 200;

function nearest(values: Float64Array, at: number, format: (value: number) => string): string {
  for (let n = at; n >= 0 && n > at - BACK_MAX; n -= 1)
    if (Number.isFinite(values[n])) return format(values[n]!);
  return "–";
}
