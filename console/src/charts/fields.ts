// Which settings each kind of chart has, and how they are asked for.
import { charts } from "@/text/charts";
import { isObject, type Json } from "./config";
import { type Column, kindOf } from "./values";

/** `more`: asked for below a line that opens, since few need it. */
export type Field = { more?: boolean } & (
  | {
      kind: "column";
      key: string;
      of: "time" | "number" | "any";
      many?: boolean;
      optional?: boolean;
      path?: string;
    }
  | { kind: "choice"; key: string; choices: [string, string][]; otherwise: string; path?: string }
  | { kind: "number"; key: string; path?: string; label: string }
  | { kind: "text"; key: string; path?: string; label: string; long?: boolean }
  | { kind: "list"; key: string; label: string }
  | { kind: "flag"; key: string; otherwise: boolean }
);

const { fields, modes, ranges, groupTypes, lineStyles, positions, temporal, scales, sides } =
  charts;

const more = (...shown: Field[]): Field[] => shown.map((field) => ({ ...field, more: true }));

const MINUTES = [1, 5, 15, 30, 60, 180, 1440];

const x: Field = { kind: "column", key: "xAxis", of: "any" };
const xTime: Field = { kind: "column", key: "xAxis", of: "time" };
const y: Field = { kind: "column", key: "yAxis", of: "number", many: true };
const color: Field = { kind: "column", key: "color", of: "any", optional: true };
const value: Field = { kind: "column", key: "value", of: "number" };
const range: Field = {
  kind: "choice",
  key: "xRange",
  choices: [
    ["Infinity", ranges.all],
    ...MINUTES.map((n): [string, string] => [String(n), ranges.minutes(n)]),
  ],
  otherwise: "Infinity",
};
const update: Field[] = [
  {
    kind: "choice",
    key: "updateMode",
    choices: [
      ["all", modes.all],
      ["key", modes.key],
      ["time", modes.time],
    ],
    otherwise: "all",
  },
  { kind: "column", key: "updateKey", of: "any", optional: true },
];
const colors: Field = { kind: "list", key: "colors", label: fields.colors };
const xFormat: Field = { kind: "text", key: "xFormat", label: fields.xFormat };
const position: Field = {
  kind: "choice",
  key: "position",
  path: "unit",
  choices: [
    ["right", positions.right],
    ["left", positions.left],
  ],
  otherwise: "right",
};
const numbers: Field[] = [
  { kind: "number", key: "fractionDigits", label: fields.fractionDigits },
  { kind: "text", key: "value", path: "unit", label: fields.unit },
  ...more(position),
];
const chars = (path: string, label: string): Field => ({
  kind: "number",
  key: "maxChar",
  path,
  label,
});
const titles: Field[] = [
  { kind: "text", key: "xTitle", label: fields.xTitle },
  { kind: "text", key: "yTitle", label: fields.yTitle },
  { kind: "number", key: "min", path: "yRange", label: fields.yMin },
  { kind: "number", key: "max", path: "yRange", label: fields.yMax },
];
const legend: Field = { kind: "flag", key: "legend", otherwise: true };
const gridlines: Field = { kind: "flag", key: "gridlines", otherwise: true };
const dataLabel: Field = { kind: "flag", key: "dataLabel", otherwise: false };
const bars: Field[] = [
  x,
  y,
  color,
  {
    kind: "choice",
    key: "groupType",
    choices: [
      ["stack", groupTypes.stack],
      ["dodge", groupTypes.dodge],
    ],
    otherwise: "stack",
  },
  ...update,
  ...numbers,
  ...titles,
  legend,
  gridlines,
  dataLabel,
  ...more(
    range,
    xFormat,
    chars("xTickLabel", fields.xChars),
    chars("yTickLabel", fields.yChars),
    colors,
  ),
];
const lines: Field[] = [
  x,
  y,
  color,
  range,
  {
    kind: "choice",
    key: "lineStyle",
    choices: [
      ["straight", lineStyles.straight],
      ["curve", lineStyles.curve],
    ],
    otherwise: "straight",
  },
  ...numbers,
  ...titles,
  legend,
  gridlines,
  { kind: "flag", key: "points", otherwise: false },
  dataLabel,
  ...more(
    { kind: "flag", key: "showAll", otherwise: false },
    xFormat,
    chars("yTickLabel", fields.yChars),
    colors,
  ),
];
const stack: Field = {
  kind: "choice",
  key: "groupType",
  choices: [
    ["stack", groupTypes.stack],
    ["dodge", groupTypes.behind],
  ],
  otherwise: "stack",
};

export const FIELDS: Record<string, Field[]> = {
  line: lines,
  area: [...lines.slice(0, 4), stack, ...lines.slice(4)],
  bar: bars,
  column: bars,
  table: [
    {
      kind: "choice",
      key: "rowCount",
      choices: ["5", "10", "20", "30", "50", "100", "500"].map((n): [string, string] => [n, n]),
      otherwise: "100",
    },
    ...update,
    ...numbers.slice(0, 1),
    { kind: "flag", key: "tableWrap", otherwise: false },
  ],
  singleValue: [
    value,
    ...numbers.slice(0, 2),
    position,
    { kind: "number", key: "fontSize", label: fields.fontSize },
    { kind: "flag", key: "delta", otherwise: false },
    { kind: "flag", key: "sparkline", otherwise: false },
    ...more(
      { kind: "text", key: "color", label: fields.ownColor },
      { kind: "text", key: "sparklineColor", label: fields.sparklineColor },
      { kind: "text", key: "increaseColor", label: fields.increaseColor },
      { kind: "text", key: "decreaseColor", label: fields.decreaseColor },
      range,
    ),
  ],
  pie: [
    value,
    color,
    ...update,
    ...numbers,
    { kind: "flag", key: "donut", otherwise: false },
    dataLabel,
    legend,
    ...more(colors),
  ],
  gauge: [
    value,
    color,
    { kind: "number", key: "min", label: fields.min },
    { kind: "number", key: "max", label: fields.max },
    ...update,
    ...numbers,
    ...more(colors),
  ],
  histogram: [
    value,
    { kind: "number", key: "bins", label: fields.bins },
    ...numbers,
    ...titles.slice(0, 2),
    gridlines,
    ...more(colors),
  ],
  heatmap: [
    x,
    { kind: "column", key: "yAxis", of: "any" },
    value,
    ...update,
    ...numbers,
    ...more(
      ...titles.slice(0, 2),
      xFormat,
      { kind: "text", key: "color", label: fields.ownColor },
      chars("yTickLabel", fields.yChars),
    ),
  ],
  ohlc: [range, ...titles, gridlines, ...more(xFormat)],
  geo: [
    { kind: "column", key: "longitude", of: "number" },
    { kind: "column", key: "latitude", of: "number" },
    color,
    ...update,
    { kind: "column", key: "key", path: "size", of: "number", optional: true },
    { kind: "number", key: "value", path: "size", label: fields.size },
    { kind: "number", key: "opacity", label: fields.opacity },
    legend,
    ...more(
      { kind: "column", key: "visibleColumns", of: "any", many: true },
      { kind: "number", key: "zoom", label: fields.zoom },
      colors,
    ),
  ],
  md: [{ kind: "text", key: "content", label: fields.content, long: true }, ...update],
  logs: [
    { kind: "column", key: "message", of: "any", optional: true },
    { kind: "column", key: "level", of: "any", optional: true },
    { kind: "flag", key: "tableWrap", otherwise: true },
  ],
  stateTimeline: [
    xTime,
    { kind: "column", key: "yAxis", of: "any", optional: true },
    { kind: "column", key: "value", of: "any" },
    range,
    ...more(xFormat, colors),
  ],
  grammar: [
    {
      kind: "choice",
      key: "markType",
      choices: ["line", "area", "interval", "point", "rect"].map((one): [string, string] => [
        one,
        one,
      ]),
      otherwise: "line",
    },
    { kind: "column", key: "xField", of: "any" },
    { kind: "column", key: "yField", of: "any" },
    { kind: "column", key: "colorField", of: "any", optional: true },
    { kind: "column", key: "sizeField", of: "number", optional: true },
    {
      kind: "choice",
      key: "temporalMode",
      choices: [
        ["axis", temporal.axis],
        ["frame", temporal.frame],
        ["key", temporal.key],
      ],
      otherwise: "axis",
    },
    { kind: "number", key: "temporalRange", label: fields.temporalRange },
    { kind: "text", key: "xAxisTitle", label: fields.xTitle },
    { kind: "text", key: "yAxisTitle", label: fields.yTitle },
    { kind: "choice", key: "legendPosition", choices: sides, otherwise: "top" },
    ...more(
      { kind: "choice", key: "xScaleType", choices: scales, otherwise: "" },
      { kind: "choice", key: "yScaleType", choices: scales, otherwise: "" },
      { kind: "number", key: "streamMaxItems", label: fields.streamMaxItems },
      { kind: "number", key: "throttleMs", label: fields.throttleMs },
      colors,
    ),
    { kind: "text", key: "advancedSpec", label: fields.advancedSpec, long: true },
  ],
};

/** Columns that a field can name: those of its kind, else all. */
export function columnsFor(field: Field & { kind: "column" }, columns: Column[]): string[] {
  const fit = columns.filter((column) => field.of === "any" || kindOf(column.type) === field.of);
  return (fit.length ? fit : columns).map((column) => column.name);
}

/** The settings with one changed; `path` is the object that it stands in. undefined takes it away. */
export function changed(config: Json, key: string, value: unknown, path?: string): Json {
  if (path) {
    const inner = isObject(config[path]) ? config[path] : {};
    return { ...config, [path]: changed(inner as Json, key, value) };
  }
  const { [key]: _old, ...rest } = config;
  return value === undefined || value === "" ? rest : { ...rest, [key]: value };
}
