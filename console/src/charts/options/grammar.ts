// Panels that say marks and fields instead of a kind of chart: line, area, interval, point, rect.
import { charts } from "@/text/charts";
import { isObject, type Json, list, number, object, text } from "../config";
import { colourAt, faded, paletteOf } from "../theme";
import { kindOf, numberOf, type Row, timeOf } from "../values";
import { cells } from "./cells";
import {
  axis,
  type Build,
  base,
  type Given,
  grid,
  groups,
  label,
  legendOf,
  moments,
  need,
  optional,
  tooltip,
} from "./common";

interface Mark {
  type: string;
  x: string;
  y: string;
  color: string;
  size: string;
}

const MARKS = ["line", "area", "interval", "point", "rect"];
const SHIFTS = ["stackY", "dodgeX"];
const SIZE = { least: 6, most: 36 };

/** The marks of the form's fields, then those of `advancedSpec`; what is not drawn is named. */
function marksOf(config: Json) {
  const own: Mark = {
    type: text(config, "markType", "line"),
    x: text(config, "xField"),
    y: list(config, "yField")[0] ?? "",
    color: text(config, "colorField"),
    size: text(config, "sizeField"),
  };
  const ignored: string[] = [];
  const spec = advanced(config.advancedSpec, ignored);
  const more = Array.isArray(spec.marks) ? spec.marks.filter(isObject) : [];
  const marks = more.length
    ? more.map((mark) => {
        const encode = object(mark, "encode");
        for (const key of Object.keys(mark))
          if (!["type", "encode", "transforms"].includes(key)) ignored.push(`marks.${key}`);
        return {
          type: text(mark, "type", own.type),
          x: text(encode, "x", own.x),
          y: text(encode, "y", own.y),
          color: text(encode, "color", own.color),
          size: text(encode, "size", own.size),
        };
      })
    : [own];
  // Bars of one x stand on each other, unless the file says beside.
  const shifts = [spec.transforms, ...more.map((mark) => mark.transforms)]
    .flatMap((one) => (Array.isArray(one) ? one.filter(isObject) : []))
    .map((one) => text(one, "type"));
  for (const one of shifts) if (!SHIFTS.includes(one)) ignored.push(`transform ${one}`);
  if (text(config, "streamMode") === "replace") ignored.push("streamMode replace");
  const coordinate = object(spec, "coordinate");
  const transforms = Array.isArray(coordinate.transforms)
    ? coordinate.transforms.filter(isObject)
    : [];
  for (const key of Object.keys(spec))
    if (!["marks", "coordinate", "transforms"].includes(key)) ignored.push(key);
  for (const one of transforms)
    if (one.type !== "transpose") ignored.push(`coordinate.${one.type}`);
  const drawn = marks.filter((mark) => MARKS.includes(mark.type));
  for (const mark of marks) if (!MARKS.includes(mark.type)) ignored.push(`mark ${mark.type}`);
  return {
    marks: drawn,
    ignored: [...new Set(ignored)],
    transpose: transforms.some((one) => one.type === "transpose"),
    stack: !shifts.includes("dodgeX"),
  };
}

function advanced(value: unknown, ignored: string[]): Json {
  if (isObject(value)) return value;
  if (typeof value !== "string" || !value.trim()) return {};
  try {
    const read: unknown = JSON.parse(value);
    if (isObject(read)) return read;
  } catch {
    // Said below: the reader sees it in the panel.
  }
  ignored.push(charts.badSpec);
  return {};
}

type Scale = "time" | "value" | "log" | "category";

function scaleOf(given: Given, at: number, named: string): Scale {
  if (named === "log") return "log";
  if (["band", "point", "ordinal", "category"].includes(named)) return "category";
  if (named === "time") return "time";
  if (named === "linear") return "value";
  const kind = kindOf(given.columns[at]!.type);
  return kind === "time" ? "time" : kind === "number" ? "value" : "category";
}

export const grammar: Build = (all) => {
  const { config } = all;
  const { marks, ignored, transpose, stack } = marksOf(config);
  const words = (what: string) => ({ missing: charts.missing, choose: charts.choose(what) });
  const first = marks[0] ?? { type: "line", x: "", y: "", color: "", size: "" };
  const x = need(all, first.x, words(charts.fields.xField));
  const y = need(all, first.y, words(charts.fields.yField));
  const bars = marks.some((mark) => mark.type === "interval" || mark.type === "rect");
  const guessed = scaleOf(all, x, text(config, "xScaleType"));
  const xScale =
    bars && guessed !== "category" && !text(config, "xScaleType") ? "category" : guessed;
  const yScale = scaleOf(all, y, text(config, "yScaleType"));
  const minutes =
    text(config, "temporalMode", "axis") === "axis" ? number(config, "temporalRange") : undefined;
  const given =
    kindOf(all.columns[x]!.type) === "time" && minutes ? within(all, x, minutes * 60_000) : all;
  const side: Side = (at, scale) => ({
    of: (row: Row) => position(given, at, scale, row),
    names:
      scale === "category"
        ? [...new Set(given.rows.map((row) => label(given, at, row)))]
        : undefined,
  });
  const layers = marks.map((mark) =>
    layer(given, mark, side, { xScale, yScale, transpose, stack }),
  );
  const names = [...new Set(layers.flatMap((one) => one.names))];
  const legend = legendAt(given, names.filter(Boolean));
  const both = (at: number, scale: Scale, title: string, upright: boolean) => ({
    ...axis(given, {
      type: scale,
      data: side(at, scale).names,
      moments: moments(given, at),
      title: text(config, title),
      span: spanOf(given, at),
      upright,
    }),
    ...(scale === "value" && !bars && { scale: true }),
  });
  const horizontal = both(x, xScale, "xAxisTitle", transpose);
  const vertical = both(y, yScale, "yAxisTitle", !transpose);
  return {
    ignored,
    folded: Math.max(0, ...layers.map((one) => one.folded)),
    option: {
      ...base(given),
      tooltip: { ...tooltip(given), trigger: first.type === "point" ? "item" : "axis" },
      legend: legend.shown,
      grid: { ...grid(false), ...legend.room },
      xAxis: transpose ? vertical : horizontal,
      yAxis: transpose ? horizontal : vertical,
      series: layers.flatMap((one) => one.series),
    },
  };
};

const LEGEND_WIDTH_MAX = 140;

/** The legend at its side of the chart, and the room that the chart leaves for it. */
function legendAt(given: Given, names: string[]): { shown: Json | undefined; room: Json } {
  const place = text(given.config, "legendPosition", "top");
  const shown =
    place === "none" || place === "hidden" || place === "false"
      ? undefined
      : legendOf(given, names);
  if (!shown) return { shown: undefined, room: {} };
  if (place === "bottom")
    return { shown: { ...shown, top: undefined, bottom: 0 }, room: { bottom: 28 } };
  if (place !== "left" && place !== "right") return { shown, room: { top: 28 } };
  const letters = Math.max(...names.map((name) => name.length));
  const width = Math.min(LEGEND_WIDTH_MAX, letters * 7 + 30);
  const upright = { ...shown, orient: "vertical", top: "middle", left: undefined, [place]: 4 };
  return {
    shown: {
      ...upright,
      textStyle: { ...(shown.textStyle as Json), width: width - 30, overflow: "truncate" },
    },
    room: { [place]: width + 8 },
  };
}

/** How much time a column has. */
function spanOf(given: Given, at: number): number {
  if (kindOf(given.columns[at]!.type) !== "time") return 0;
  const times = given.rows.map((row) => timeOf(row[at])).filter((ms) => !Number.isNaN(ms));
  return times.length ? Math.max(...times) - Math.min(...times) : 0;
}

function within(given: Given, x: number, range: number): Given {
  const newest = Math.max(
    ...given.rows.map((row) => timeOf(row[x])).filter((n) => !Number.isNaN(n)),
  );
  return { ...given, rows: given.rows.filter((row) => timeOf(row[x]) > newest - range) };
}

function position(given: Given, at: number, scale: string, row: Row): number | string {
  if (scale === "category") return label(given, at, row);
  return scale === "time" ? timeOf(row[at]) : numberOf(row[at]);
}

type Side = (
  at: number,
  scale: string,
) => { of: (row: Row) => number | string; names: string[] | undefined };

function layer(
  given: Given,
  mark: Mark,
  side: Side,
  scales: { xScale: string; yScale: string; transpose: boolean; stack: boolean },
) {
  const words = (what: string) => ({ missing: charts.missing, choose: charts.choose(what) });
  const x = side(need(given, mark.x, words(charts.fields.xField)), scales.xScale);
  const y = side(need(given, mark.y, words(charts.fields.yField)), scales.yScale);
  if (mark.type === "rect" && x.names && y.names) {
    const [across, up] = scales.transpose ? [y, x] : [x, y];
    const plane = {
      x: (row: Row) => String(across.of(row)),
      y: (row: Row) => String(up.of(row)),
      across: across.names!,
      up: up.names!,
      color: optional(given, mark.color),
      name: mark.color || mark.y,
    };
    return { series: [cells(given, plane)], names: [], folded: 0 };
  }
  const by = groups(given, optional(given, mark.color));
  const size = optional(given, mark.size);
  const palette = paletteOf(given.config, given.theme);
  const sizes =
    size < 0 ? [] : given.rows.map((row) => numberOf(row[size])).filter(Number.isFinite);
  const [least, most] = sizes.length ? [Math.min(...sizes), Math.max(...sizes)] : [0, 1];
  const points = new Map<string, unknown[][]>(by.names.map((name) => [name, []]));
  for (const row of given.rows) {
    const pair = scales.transpose ? [y.of(row), x.of(row)] : [x.of(row), y.of(row)];
    points.get(by.of(row))?.push(size < 0 ? pair : [...pair, numberOf(row[size])]);
  }
  // One bar for each x, not one place for each colour at each x.
  const stack = scales.stack || (mark.color !== "" && mark.color === mark.x);
  const along = scales.transpose ? 1 : 0;
  const series = by.names.map((name, n) => {
    const color = name === given.other ? given.theme.muted : colourAt(palette, n);
    const found = points.get(name) ?? [];
    const data =
      scales.xScale === "category" || mark.type === "point"
        ? found
        : found.sort((a, b) => Number(a[along]) - Number(b[along]));
    return {
      name: name || mark.y,
      data,
      itemStyle: { color, ...(mark.type === "point" && { opacity: 0.65 }) },
      ...(stack && mark.type === "interval" && { stack: mark.y }),
      ...shape(mark.type, color, { least, most, sized: size >= 0 }),
    };
  });
  return { series, names: by.names, folded: by.folded };
}

function shape(
  type: string,
  color: string,
  size: { least: number; most: number; sized: boolean },
): Json {
  if (type === "interval") return { type: "bar", barMaxWidth: 48 };
  if (type === "rect") return { type: "bar", barCategoryGap: "0%" };
  if (type === "point")
    return {
      type: "scatter",
      symbolSize: size.sized
        ? (value: unknown[]) => {
            const share = (Number(value[2]) - size.least) / (size.most - size.least || 1);
            return SIZE.least + share * (SIZE.most - SIZE.least);
          }
        : 7,
    };
  return {
    type: "line",
    showSymbol: false,
    lineStyle: { width: 1.5, color },
    ...(type === "area" && { areaStyle: { color: faded(color, 0.2) } }),
  };
}
