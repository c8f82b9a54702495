// A line or area chart for uPlot: axes, series, colours, cursor and zoom, from a panel's settings.
import type uPlot from "uplot";
import type { SeriesSnapshot } from "@/live/types";
import { flag, type Json, number, object, text } from "./config";
import { type ChartTheme, colourAt, faded, paletteOf } from "./theme";
import { axisText, cut, tickText } from "./words";

export interface LineOptions {
  config: Json;
  area: boolean;
  theme: ChartTheme;
  width: number;
  height: number;
  zone: string | undefined;
  /** Charts with the same key share their cursor. */
  sync: string | undefined;
  onZoom: ((from: number, to: number) => void) | undefined;
  otherName: string;
  paths: typeof uPlot.paths;
}

/** Names of the lines, in the order of the snapshot. */
export function lineNames(series: SeriesSnapshot, otherName: string): string[] {
  const several = new Set(series.lines.map((line) => line.y)).size > 1;
  return series.lines.map((line) => {
    const group = line.other ? otherName : line.group;
    if (group === null) return line.y;
    return several ? `${line.y}, ${group}` : group || "(empty)";
  });
}

/** uPlot wants null where a line has no value. */
export function lineData(series: SeriesSnapshot): uPlot.AlignedData {
  const lines = series.lines.map((line) => {
    const values: (number | null)[] = new Array(line.values.length);
    for (let n = 0; n < values.length; n += 1) {
      const value = line.values[n]!;
      values[n] = Number.isFinite(value) ? value : null;
    }
    return values;
  });
  return [series.x as unknown as number[], ...lines] as uPlot.AlignedData;
}

/** Changes of this text need a new plot; all else is new data for the same one. */
export function shapeOf(series: SeriesSnapshot, otherName: string): string {
  return lineNames(series, otherName).join("\u0001");
}

const AXIS = 44;

export function lineOptions(series: SeriesSnapshot, of: LineOptions): uPlot.Options {
  const { config, theme } = of;
  const grid = { show: flag(config, "gridlines", true), stroke: theme.line, width: 1 };
  const font = `${theme.fontSize}px ${theme.font}`;
  const ticks = { show: true, stroke: theme.line, size: 4 };
  const common = { stroke: theme.muted, font, grid, ticks, labelFont: font, labelSize: 16 };
  const format = axisText(config);
  const chars = number(object(config, "yTickLabel"), "maxChar");
  const xTitle = text(config, "xTitle");
  const yTitle = text(config, "yTitle");
  return {
    width: of.width,
    height: of.height,
    ms: 1,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    scales: { x: { time: true }, y: { range: yRange(config) } },
    cursor: {
      drag: { x: !!of.onZoom, y: false, setScale: false, dist: 6 },
      points: { size: 6 },
      ...(of.sync && { sync: { key: of.sync, setSeries: false } }),
    },
    series: [{}, ...lineSeries(series, of)],
    axes: [
      {
        ...common,
        size: xTitle ? 44 : 28,
        ...(xTitle && { label: xTitle }),
        values: (u, splits) => {
          const span = (u.scales.x!.max ?? 0) - (u.scales.x!.min ?? 0);
          return splits.map((ms) => tickText(ms, span, of.zone));
        },
        // Labels with milliseconds are wider.
        space: (_u, _axis, min, max) => (max - min <= 5_000 ? 104 : 72),
      },
      {
        ...common,
        ...(yTitle && { label: yTitle }),
        size: (_u, values) => axisWidth(values, theme) + (yTitle ? 16 : 0),
        values: (_u, splits) => splits.map((value) => cut(format(value), chars)),
      },
    ],
    hooks: { setSelect: [(u) => selected(u, of.onZoom)] },
  };
}

function axisWidth(values: string[] | null, theme: ChartTheme): number {
  const longest = Math.max(0, ...(values ?? []).map((one) => one.length));
  return Math.max(AXIS - 12, Math.ceil(longest * theme.fontSize * 0.62) + 20);
}

function lineSeries(series: SeriesSnapshot, of: LineOptions): uPlot.Series[] {
  const { config, theme } = of;
  const palette = paletteOf(config, theme);
  const smooth = text(config, "lineStyle") === "curve" && of.paths.spline;
  return lineNames(series, of.otherName).map((label, n) => {
    const stroke = series.lines[n]!.other ? theme.muted : colourAt(palette, n);
    return {
      label,
      stroke,
      width: 1.5,
      // Beyond the palette colours come again; dashes tell them apart.
      ...(n >= palette.length && { dash: [5, 3] }),
      spanGaps: true,
      // A line of one or two points would not be seen.
      points: {
        show: (u: uPlot) => flag(config, "points") || u.data[0].length <= 2 * series.lines.length,
        size: 4,
        fill: stroke,
      },
      ...(of.area && { fill: faded(stroke, 0.18) }),
      ...(smooth && { paths: of.paths.spline!() }),
    };
  });
}

/** Limits of the settings; where there is none that of the data, with some air. */
function yRange(config: Json): uPlot.Range.Function {
  const range = object(config, "yRange");
  const low = number(range, "min");
  const high = number(range, "max");
  return (_u, min, max) => {
    if (min === null || max === null) return [low ?? 0, high ?? 1];
    const air = (max - min || Math.abs(max) || 1) * 0.08;
    const bottom = min >= 0 && min - air < 0 ? 0 : min - air;
    return [low ?? bottom, high ?? max + air];
  };
}

function selected(u: uPlot, onZoom: LineOptions["onZoom"]): void {
  const { left, width } = u.select;
  if (!onZoom || width < 6) return;
  const [from, to] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom(from, to);
}
