// A line or area chart for uPlot: axes, series, colours, cursor and zoom, from a panel's settings.
import type uPlot from "uplot";
import type { Mark, SeriesSnapshot } from "@/live/types";
import { flag, type Json, number, object, text } from "./config";
import { type ChartTheme, colourAt, faded, paletteOf } from "./theme";
import { axisText, cut, numberText, tickTexts, timeText } from "./words";

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
  /** What is drawn now, and gaps of the query: asked for at each drawing. */
  shown: () => SeriesSnapshot;
  marks: () => Mark[];
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

/** Areas of the values of a column stand on each other, unless they are to stand behind each other. */
export function isStacked(config: Json, area: boolean): boolean {
  return area && !!text(config, "color") && text(config, "groupType", "stack") === "stack";
}

/** Each line on the sum of those before it; one without a value at that time keeps its last. */
function stacked(series: SeriesSnapshot): (number | null)[][] {
  const sums = new Float64Array(series.x.length);
  return series.lines.map((line) => {
    let last = 0;
    return Array.from(line.values, (value, n) => {
      if (Number.isFinite(value)) last = value;
      sums[n]! += last;
      return sums[n]!;
    });
  });
}

/** uPlot wants null where a line has no value. */
export function lineData(series: SeriesSnapshot, stack = false): uPlot.AlignedData {
  if (stack) return [series.x as unknown as number[], ...stacked(series)] as uPlot.AlignedData;
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
const AIR = { top: 8, right: 36 };
// A label beyond the last point.
const LABEL_AIR = 64;

export function lineOptions(series: SeriesSnapshot, of: LineOptions): uPlot.Options {
  const { config, theme } = of;
  const grid = { show: flag(config, "gridlines", true), stroke: theme.line, width: 1 };
  const font = `${theme.fontSize}px ${theme.font}`;
  const ticks = { show: true, stroke: theme.line, size: 4 };
  const common = { stroke: theme.muted, font, grid, ticks, labelFont: font, labelSize: 16 };
  const tick = tickTexts(config, of.zone);
  const format = axisText(config);
  const chars = number(object(config, "yTickLabel"), "maxChar");
  const xTitle = text(config, "xTitle");
  const yTitle = text(config, "yTitle");
  return {
    width: of.width,
    height: of.height,
    ms: 1,
    padding: [AIR.top, flag(config, "dataLabel") ? LABEL_AIR : AIR.right, 0, 0],
    legend: { show: false },
    scales: { x: { time: true }, y: { range: yRange(config) } },
    cursor: {
      drag: { x: !!of.onZoom, y: false, setScale: false, dist: 6 },
      points: { size: 6 },
      ...(of.sync && { sync: { key: of.sync, setSeries: false } }),
    },
    series: [{}, ...lineSeries(series, of)],
    ...(isStacked(config, of.area) && {
      bands: series.lines.slice(1).map((_, n) => ({ series: [n + 2, n + 1] as [number, number] })),
    }),
    axes: [
      {
        ...common,
        size: 28,
        ...(xTitle && { label: xTitle, labelGap: 0 }),
        values: (u, splits) => {
          const span = (u.scales.x!.max ?? 0) - (u.scales.x!.min ?? 0);
          return splits.map((ms) => tick(ms, span));
        },
        splits: (_u, _axis, min, max, step) => roundTimes(min, max, step, of.zone),
        // Labels with milliseconds are wider.
        space: (_u, _axis, min, max) => (max - min <= 5_000 ? 104 : 72),
      },
      {
        ...common,
        ...(yTitle && { label: yTitle, labelGap: 0 }),
        size: (_u, values) => axisWidth(values, theme),
        values: (_u, splits) => splits.map((value) => cut(format(value), chars)),
        // A chart that fills the screen needs no more lines than a large one.
        space: (u) => Math.max(30, u.height / 14),
      },
    ],
    hooks: {
      setSelect: [(u) => selected(u, of.onZoom)],
      drawClear: [(u) => drawGaps(u, of.marks(), theme)],
      draw: flag(config, "dataLabel") ? [(u) => drawLabels(u, of)] : [],
    },
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
        show: (u: uPlot, at: number) => flag(config, "points") || hasFew(u.data[at]!),
        size: 4,
        fill: stroke,
      },
      ...(of.area && { fill: faded(stroke, isStacked(config, true) ? 0.45 : 0.18) }),
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

const FEW = 2;

function hasFew(values: ArrayLike<number | null | undefined>): boolean {
  let seen = 0;
  for (let n = 0; n < values.length && seen <= FEW; n += 1) if (values[n] != null) seen += 1;
  return seen <= FEW;
}

const TICKS_MAX = 1_000;

/** Round moments of the zone that is shown, `step` milliseconds apart. */
export function roundTimes(min: number, max: number, step: number, zone?: string): number[] {
  const offset = offsetOf(min, zone);
  const first = Math.ceil((min + offset) / step);
  const last = Math.min(Math.floor((max + offset) / step), first + TICKS_MAX);
  const times: number[] = [];
  for (let n = first; n <= last; n += 1) times.push(n * step - offset);
  return times;
}

/** How far the zone's clock is ahead of UTC then, in milliseconds. */
function offsetOf(ms: number, zone?: string): number {
  const minute = Math.floor(ms / 60_000) * 60_000;
  const shown = timeText(minute, zone, false);
  return shown ? Date.parse(`${shown.replace(" ", "T")}:00Z`) - minute : 0;
}

/** The page was hidden or the connection lost: what came in between is not there. */
function drawGaps(u: uPlot, marks: Mark[], theme: ChartTheme): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const mark of marks) {
    if (!mark.from || !mark.to) continue;
    const left = u.valToPos(mark.from, "x", true);
    const right = u.valToPos(mark.to, "x", true);
    ctx.fillStyle = faded(theme.muted, 0.14);
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
  }
  ctx.restore();
}

/** The value of the last point beside it; with `showAll` of every one that has room. */
function drawLabels(u: uPlot, of: LineOptions): void {
  const { ctx, bbox } = u;
  const format = numberText(of.config);
  const all = flag(of.config, "showAll");
  const { lines } = of.shown();
  const scale = bbox.width / (u.over.clientWidth || 1);
  ctx.save();
  ctx.font = `${of.theme.fontSize * scale}px ${of.theme.font}`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  const taken: { x: number; y: number; w: number }[] = [];
  const height = of.theme.fontSize * scale * 1.2;
  for (let n = 1; n < u.series.length; n += 1) {
    const values = u.data[n]!;
    ctx.fillStyle = of.theme.text;
    for (let at = values.length - 1; at >= 0; at -= 1) {
      const value = values[at];
      if (value == null || !Number.isFinite(lines[n - 1]?.values[at])) continue;
      const words = format(lines[n - 1]?.values[at] ?? Number.NaN);
      const place = {
        x: u.valToPos(u.data[0][at]!, "x", true) + (all ? 0 : 6 * scale),
        y: u.valToPos(value, "y", true) + (all ? -3 * scale : height / 2),
        w: ctx.measureText(words).width,
      };
      if (all) place.x -= place.w / 2;
      if (all) place.x = Math.max(place.x, bbox.left);
      const inside = place.y > bbox.top && place.y <= bbox.top + bbox.height + height / 2;
      const free = !taken.some(
        (one) =>
          place.x < one.x + one.w &&
          one.x < place.x + place.w &&
          Math.abs(place.y - one.y) < height,
      );
      if (inside && free) {
        ctx.fillText(words, place.x, place.y);
        taken.push(place);
      }
      if (!all) break;
    }
  }
  ctx.restore();
}
