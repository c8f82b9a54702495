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
import { isStacked, lineData, lineNames, lineOptions, shapeOf } from "./uplotOptions";
import { useSize } from "./useSize";
import { numberText, timeText } from "./words";

const HEIGHT_LEAST = 40;
const NO_VALUES: string[] = [];

interface Props extends ChartProps {
  series: SeriesSnapshot;
  label: string;
}

export function TimeChart(props: Props) {
  const { series, viz, zone, sync, onZoom, windowMs, span, label } = props;
  const [ref, size] = useSize();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useShownTheme();
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const marks = useRef(props.marks ?? []);
  marks.current = props.marks ?? [];
  const newest = useRef(series);
  newest.current = series;
  const [at, setAt] = useState<number | null>(null);
  const names = lineNames(series, charts.other);
  const stack = isStacked(viz.config, viz.chartType === "area");
  const key = `${shapeOf(series, charts.other)}|${JSON.stringify(viz)}|${theme}|${zone}|${sync}|${!!onZoom}`;
  const show = (drawn: uPlot) => {
    const last = newest.current.x.at(-1);
    const shown = span
      ? { min: span.from, max: span.to }
      : windowMs && last !== undefined && { min: last - windowMs, max: last };
    drawn.setData(lineData(newest.current, stack), !shown);
    if (shown) drawn.setScale("x", shown);
  };
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
      shown: () => newest.current,
      marks: () => marks.current,
    });
    options.hooks!.setCursor = [(u) => setAt(u.cursor.idx ?? null)];
    const made = new uPlot(options, [[], ...newest.current.lines.map(() => [])], host.current);
    show(made);
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
  // biome-ignore lint/correctness/useExhaustiveDependencies: it shows what is newest of these
  useEffect(() => {
    if (plot.current) show(plot.current);
  }, [series, windowMs, span, stack]);
  const legend = flag(viz.config, "legend", true) && names.length > 0;
  const read = at !== null && at < series.x.length ? at : null;
  const format = numberText(viz.config);
  // Without a cursor the names stay as they are, whatever values come.
  const values =
    read === null ? NO_VALUES : series.lines.map((l) => nearest(l.values, read, format));
  // Lines that have left the part that is shown keep their colours, but are not named.
  const present = series.lines.map((line) => line.values.some(Number.isFinite));
  const said = `${values.join("\u0001")}${present}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key has names, settings and theme
  const items = useMemo(() => {
    const colours = paletteOf(viz.config, chartTheme());
    const named = series.lines.map((line, n) => ({
      name: names[n]!,
      dashed: n >= colours.length,
      colour: line.other ? "var(--muted)" : colourAt(colours, n),
      value: values[n] ?? "",
    }));
    return named.filter((_, n) => present[n]);
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
