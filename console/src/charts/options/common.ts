// What the makers of ECharts options share: access to columns, axes, tooltip, groups with "other".
import type { EChartsCoreOption } from "echarts/core";
import { flag, type Json, number, text } from "../config";
import { formed } from "../moment";
import type { ChartTheme } from "../theme";
import {
  type Column,
  indexOf,
  kindOf,
  numberOf,
  type Row,
  textOf,
  timeOf,
  type Value,
} from "../values";
import { axisText, cut, numberText, tickTexts, timeText } from "../words";

export interface Given {
  columns: Column[];
  rows: Row[];
  config: Json;
  theme: ChartTheme;
  zone: string | undefined;
  /** The name of what is folded together. */
  other: string;
  /** Pixels that there are. */
  width: number;
  height: number;
}

export interface Built {
  option: EChartsCoreOption;
  /** Settings that were not understood. */
  ignored?: string[];
  /** Groups that were folded into "other". */
  folded?: number;
}

/** The settings do not fit the result; the message is for the reader. */
export class Unfit extends Error {}

export type Build = (given: Given) => Built;

export const GROUPS_MAX = 20;

/** Index of the column that a setting names; Unfit if there is none of that name. */
export function need(
  given: Given,
  name: string,
  words: { missing: (n: string) => string; choose: string },
) {
  if (!name) throw new Unfit(words.choose);
  const at = indexOf(given.columns, name);
  if (at < 0) throw new Unfit(words.missing(name));
  return at;
}

export function optional(given: Given, name: string): number {
  return indexOf(given.columns, name);
}

export function isTime(given: Given, at: number): boolean {
  return kindOf(given.columns[at]?.type ?? "") === "time";
}

// Rows of a window share their time, and the same rows come with each drawing.
const LABELS_MAX = 20_000;
let labels = new Map<string, string>();

function timeLabel(value: Value | undefined, zone: string | undefined): string {
  const key = `${value}|${zone ?? ""}`;
  let words = labels.get(key);
  if (words === undefined) {
    if (labels.size >= LABELS_MAX) labels = new Map();
    words = timeText(timeOf(value), zone);
    labels.set(key, words);
  }
  return words;
}

/** A value as a label: times in the page's zone, "(empty)" for none. */
export function label(given: Given, at: number, row: Row): string {
  const value = row[at];
  if (isTime(given, at)) return timeLabel(value, given.zone);
  return textOf(value) || "(empty)";
}

export function num(row: Row, at: number): number {
  return numberOf(row[at]);
}

/** The groups in the order in which they came; beyond 20 they are one. */
export function groups(
  given: Given,
  at: number,
): { names: string[]; of: (row: Row) => string; folded: number } {
  if (at < 0) return { names: [""], of: () => "", folded: 0 };
  const seen = new Set<string>();
  for (const row of given.rows) seen.add(label(given, at, row));
  const all = [...seen];
  if (all.length <= GROUPS_MAX)
    return { names: all, of: (row) => label(given, at, row), folded: 0 };
  const kept = new Set(all.slice(0, GROUPS_MAX));
  return {
    names: [...kept, given.other],
    of: (row) => {
      const name = label(given, at, row);
      return kept.has(name) ? name : given.other;
    },
    folded: all.length - GROUPS_MAX,
  };
}

export function base(given: Given): Json {
  const { theme } = given;
  return {
    animation: false,
    textStyle: { fontFamily: theme.font, fontSize: theme.fontSize, color: theme.text },
    tooltip: tooltip(given),
  };
}

/** Drawn into the canvas: the page's policy lets no styles of markup through. */
export function tooltip(given: Given): Json {
  const { theme } = given;
  const format = numberText(given.config);
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: theme.raised,
    borderColor: theme.line,
    textStyle: { color: theme.text, fontSize: 12, fontFamily: theme.font },
    valueFormatter: (value: unknown) =>
      Array.isArray(value)
        ? value.map((one) => (typeof one === "number" ? format(one) : String(one))).join(", ")
        : typeof value === "number"
          ? format(value)
          : String(value ?? ""),
  };
}

/** Labels and titles of the axes are kept inside by the engine. */
export function grid(legend: boolean): Json {
  return { left: 8, right: 16, top: legend ? 28 : 12, bottom: 8, outerBoundsMode: "same" };
}

export function legendOf(given: Given, names: string[]): Json | undefined {
  if (names.length < 2 || !flag(given.config, "legend", true)) return undefined;
  const { theme } = given;
  return {
    type: "scroll",
    top: 0,
    left: 4,
    icon: "roundRect",
    itemWidth: 10,
    itemHeight: 10,
    data: names,
    textStyle: { color: theme.muted, fontSize: theme.fontSize },
    pageTextStyle: { color: theme.muted },
    pageIconColor: theme.text,
    pageIconInactiveColor: theme.line,
  };
}

/** Whether the names are moments of one day: its date need not be said at each. */
function sameDay(names: string[]): boolean {
  const day = names[0]?.slice(0, 11) ?? "";
  return /^\d{4}-\d\d-\d\d $/.test(day) && names.every((name) => name.startsWith(day));
}

/** Which moments the labels of a column of time are. */
export function moments(given: Given, at: number): Map<string, number> {
  if (!isTime(given, at)) return new Map();
  return new Map(given.rows.map((row) => [label(given, at, row), timeOf(row[at])]));
}

// Room that a label needs beside an axis that goes up.
const LINE_HEIGHT = 15;
// What legend, title and labels of the other axis take of the height.
const AROUND = 64;

interface AxisOf {
  type: "category" | "value" | "time" | "log";
  data?: string[] | undefined;
  /** Of `data`, when it is times. */
  moments?: Map<string, number>;
  /** The categories stand below each other. */
  upright?: boolean;
  /** Counts and the like, which have neither the unit nor the digits of the values. */
  bare?: boolean;
  /** How much time the axis shows, in milliseconds. */
  span?: number;
  title?: string;
  labels?: Json;
  range?: Json;
  inverse?: boolean;
}

/** How the labels of an axis are written. */
function writer(given: Given, of: AxisOf): (value: never) => string {
  const { config, zone } = given;
  const chars = number(of.labels ?? {}, "maxChar") ?? (of.type === "category" ? 18 : undefined);
  if (of.type === "category") {
    const oneDay = of.data !== undefined && sameDay(of.data);
    const form = text(config, "xFormat");
    return (name: string) => {
      const at = form ? of.moments?.get(name) : undefined;
      return cut(at !== undefined ? formed(at, form, zone) : oneDay ? name.slice(11) : name, chars);
    };
  }
  if (of.type === "time") {
    const tick = tickTexts(config, zone);
    return (ms: number) => tick(ms, of.span ?? 0);
  }
  const format = axisText(of.bare ? {} : config);
  return (value: number) => cut(format(value), chars);
}

/** An axis in the look of the theme. `labels` has `maxChar`, `range` has `min` and `max`. */
export function axis(given: Given, of: AxisOf): Json {
  const { theme, config } = given;
  const [min, max] = [number(of.range ?? {}, "min"), number(of.range ?? {}, "max")];
  const room = Math.max(1, Math.floor((given.height - AROUND) / LINE_HEIGHT));
  const crowded = of.upright && of.data && of.data.length > room;
  return {
    type: of.type,
    ...(of.data && { data: of.data }),
    ...(of.title && {
      name: of.title,
      nameLocation: "middle",
      nameGap: 26,
      nameTextStyle: { color: theme.muted },
    }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(of.inverse && { inverse: true }),
    axisLine: { lineStyle: { color: theme.line } },
    axisTick: { lineStyle: { color: theme.line } },
    axisLabel: {
      color: theme.muted,
      fontSize: theme.fontSize,
      hideOverlap: true,
      ...(crowded && { interval: Math.ceil(of.data!.length / room) - 1 }),
      formatter: writer(given, of),
    },
    splitLine: {
      show: of.type !== "category" && flag(config, "gridlines", true),
      lineStyle: { color: theme.line },
    },
  };
}
