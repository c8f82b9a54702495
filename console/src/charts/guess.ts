// Which chart fits a result: from the kinds of its columns and a look at some rows.
import type { Viz } from "./config";
import { bareType, type Column, kindOf, type Row, textOf } from "./values";

// More values than this are no groups that anybody could tell apart.
const GROUPS_MAX = 20;
const GROUPS_GOOD = 12;
const LOOKED_AT = 2_000;
// Numbers that name or place something instead of measuring it.
const NO_MEASURE =
  /(^|_)(id|ids|no|number|num|sn|seq|ts|timestamp|time|port|code|status|year|lat|latitude|lon|lng|longitude|delta)$/i;
const OHLC = ["open", "high", "low", "close"];
const MESSAGE = /^(message|msg|log|raw|line|body|text)$/i;

export interface Roles {
  times: string[];
  measures: string[];
  numbers: string[];
  groups: string[];
}

/** Column names by what they can do in a chart, the best of each first. */
export function rolesOf(columns: Column[], rows: Row[]): Roles {
  const of = (kind: string) => columns.filter((column) => kindOf(column.type) === kind);
  const rank = (name: string) =>
    name === "window_start" ? 0 : name === "window_end" ? 1 : name === "_tp_time" ? 2 : 3;
  const times = of("time")
    .map((column) => column.name)
    .sort((a, b) => rank(a) - rank(b));
  const numbers = of("number").filter((column) => !column.name.startsWith("_tp_"));
  const measures = numbers
    .filter((column) => !NO_MEASURE.test(column.name))
    .sort((a, b) => exact(a) - exact(b));
  return {
    times,
    measures: (measures.length ? measures : numbers).map((column) => column.name),
    numbers: numbers.map((column) => column.name),
    groups: groupsOf(columns, rows),
  };
}

const exact = (column: Column) => (/^(float|decimal|double)/.test(bareType(column.type)) ? 0 : 1);

/** Texts (and yes/no) with few values, seen in the rows; those easy to tell apart first. */
function groupsOf(columns: Column[], rows: Row[]): string[] {
  const looked = rows.slice(-LOOKED_AT);
  const found: { name: string; few: boolean }[] = [];
  columns.forEach((column, at) => {
    const kind = kindOf(column.type);
    if (kind !== "text" && kind !== "bool") return;
    const seen = new Set<string>();
    for (const row of looked) {
      seen.add(textOf(row[at]));
      if (seen.size > GROUPS_MAX) return;
    }
    if (looked.length > 3 && seen.size >= looked.length) return;
    if (MESSAGE.test(column.name)) return;
    found.push({ name: column.name, few: seen.size > 1 && seen.size <= GROUPS_GOOD });
  });
  return found.sort((a, b) => Number(b.few) - Number(a.few)).map((one) => one.name);
}

/** The chart to begin with. */
export function guess(columns: Column[], rows: Row[]): Viz {
  const names = columns.map((column) => column.name);
  const lower = names.map((name) => name.toLowerCase());
  const roles = rolesOf(columns, rows);
  const [time] = roles.times;
  const [measure] = roles.measures;
  const [group] = roles.groups;
  if (lower.includes("time") && OHLC.every((name) => lower.includes(name)))
    return { chartType: "ohlc", config: {} };
  if (time && measure)
    return {
      chartType: "line",
      config: { xAxis: time, yAxis: measure, ...(group && { color: group }), xRange: "Infinity" },
    };
  if (group && measure) return { chartType: "column", config: byGroup(roles, group, measure) };
  if (measure && rows.length <= 1 && roles.numbers.length === 1 && columns.length === 1)
    return { chartType: "singleValue", config: { value: measure } };
  return { chartType: "table", config: { rowCount: 100 } };
}

/** One bar for each value of the group: the newest row of each. */
function byGroup(roles: Roles, group: string, measure: string): Viz["config"] {
  const second = roles.groups[1];
  return {
    xAxis: group,
    yAxis: measure,
    ...(second && { color: second }),
    updateMode: "key",
    updateKey: second ? [group, second] : group,
  };
}

/** What another kind of chart takes over from the settings so far, the rest guessed. */
export function configFor(chartType: string, old: Viz, columns: Column[], rows: Row[]): Viz {
  const roles = rolesOf(columns, rows);
  const has = (name: unknown): name is string =>
    typeof name === "string" && columns.some((column) => column.name === name);
  const first = (value: unknown) => (Array.isArray(value) ? value[0] : value);
  const y = [old.config.yAxis, old.config.value, old.config.yField].map(first).find(has);
  const measure = y ?? roles.measures[0] ?? roles.numbers[0] ?? "";
  const { color, xAxis, colorField } = old.config;
  const time = has(xAxis) && roles.times.includes(xAxis) ? xAxis : roles.times[0];
  const group =
    [color, xAxis, colorField].filter(has).find((name) => !roles.times.includes(name)) ??
    roles.groups[0];
  const extra = defaults(chartType, { measure, time, group }, columns);
  return { chartType, config: { ...keep(old.config), ...extra } };
}

// Settings of the look that mean the same in all kinds.
const SHARED = [
  "unit",
  "fractionDigits",
  "legend",
  "gridlines",
  "dataLabel",
  "colors",
  "xTitle",
  "yTitle",
  "xFormat",
];

function keep(config: Viz["config"]): Viz["config"] {
  return Object.fromEntries(Object.entries(config).filter(([key]) => SHARED.includes(key)));
}

interface Chosen {
  measure: string;
  time: string | undefined;
  group: string | undefined;
}

function defaults(chartType: string, { measure, time, group }: Chosen, columns: Column[]) {
  const color = group ? { color: group } : {};
  const named = (...names: string[]) =>
    columns.find((column) => names.includes(column.name.toLowerCase()))?.name ?? "";
  const keyed = group ? { updateMode: "key", updateKey: group } : {};
  switch (chartType) {
    case "line":
    case "area":
      return { xAxis: time ?? "", yAxis: measure, ...color, xRange: "Infinity" };
    case "bar":
    case "column":
      return { xAxis: group ?? time ?? "", yAxis: measure, ...keyed };
    case "pie":
    case "gauge":
      return { value: measure, ...color, ...keyed };
    case "singleValue":
      return { value: measure, sparkline: !!time };
    case "histogram":
      return { value: measure, bins: 20 };
    case "heatmap":
      return { xAxis: time ?? group ?? "", yAxis: group ?? measure, value: measure };
    case "geo":
      return {
        longitude: named("longitude", "lon", "lng", "long"),
        latitude: named("latitude", "lat"),
        ...color,
        ...keyed,
      };
    case "grammar":
      return {
        markType: time ? "line" : "interval",
        xField: time ?? group ?? "",
        yField: measure,
        ...(group && { colorField: group }),
        temporalMode: "axis",
        temporalRange: 5,
      };
    case "stateTimeline":
      return { xAxis: time ?? "", yAxis: group ?? "", value: group ?? measure };
    case "table":
    case "logs":
      return { rowCount: 100 };
    case "md":
      return {
        content: columns.map((column) => `**${column.name}**: {{${column.name}}}  `).join("\n"),
      };
    default:
      return {};
  }
}
