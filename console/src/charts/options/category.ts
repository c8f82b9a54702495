// Bars, columns, pie, gauge: one mark for each value of a group.
import { charts } from "@/text/charts";
import { flag, type Json, list, number, object, rangeMs, text } from "../config";
import { rolesOf } from "../guess";
import { canvasColour, colourAt, paletteOf } from "../theme";
import { numberOf, timeOf } from "../values";
import { numberText } from "../words";
import {
  axis,
  type Build,
  base,
  type Given,
  grid,
  groups,
  isTime,
  label,
  legendOf,
  moments,
  need,
  num,
  optional,
} from "./common";

const words = (what: string) => ({ missing: charts.missing, choose: charts.choose(what) });

/** Rows within `xRange` of the newest one, when X is time. */
function recent(given: Given, x: number): Given {
  const range = rangeMs(given.config);
  if (!range || !isTime(given, x)) return given;
  const newest = Math.max(
    ...given.rows.map((row) => timeOf(row[x])).filter((n) => !Number.isNaN(n)),
  );
  return { ...given, rows: given.rows.filter((row) => timeOf(row[x]) > newest - range) };
}

/** `lying`: bars from left to right, the first category on top; titles go with their column. */
function bars(all: Given, lying: boolean) {
  const { config, theme } = all;
  const x = need(all, text(config, "xAxis"), words(charts.fields.xAxis));
  const given = recent(all, x);
  const values = list(config, "yAxis");
  const ys = (values.length ? values : [""]).map((name) =>
    need(given, name, words(charts.fields.yAxis)),
  );
  const by = groups(given, optional(given, text(config, "color")));
  const categories = [...new Set(given.rows.map((row) => label(given, x, row)))];
  const place = new Map(categories.map((name, n) => [name, n]));
  const palette = paletteOf(config, theme);
  const several = ys.length > 1;
  const format = numberText(config);
  const series = ys.flatMap((y) =>
    by.names.map((group) => ({
      name: several
        ? [given.columns[y]!.name, group].filter(Boolean).join(", ")
        : group || given.columns[y]!.name,
      group,
      y,
      data: new Array<number | null>(categories.length).fill(null),
    })),
  );
  const at = new Map(series.map((one) => [`${one.y}|${one.group}`, one]));
  const summed = by.folded ? all.other : undefined;
  for (const row of given.rows)
    for (const y of ys) {
      const group = by.of(row);
      const into = at.get(`${y}|${group}`)!.data;
      const n = place.get(label(given, x, row))!;
      const value = num(row, y);
      into[n] = group === summed ? (into[n] ?? 0) + value : value;
    }
  const whole = series.every((one) => one.data.every((v) => v === null || Number.isInteger(v)));
  const colourIsX = text(config, "color") === text(config, "xAxis");
  const stack = series.length > 1 && (colourIsX || text(config, "groupType", "stack") === "stack");
  const names = series.map((one) => one.name);
  const legend = legendOf(given, names);
  const category = axis(given, {
    type: "category",
    data: categories,
    moments: moments(given, x),
    title: text(config, "xTitle"),
    labels: object(config, "xTickLabel"),
    inverse: lying,
    upright: lying,
  });
  const value: Json = {
    ...(whole && { minInterval: 1 }),
    ...axis(given, {
      type: "value",
      title: text(config, "yTitle"),
      labels: object(config, "yTickLabel"),
      range: object(config, "yRange"),
    }),
  };
  return {
    folded: by.folded,
    option: {
      ...base(given),
      grid: grid(!!legend),
      legend,
      xAxis: lying ? value : category,
      yAxis: lying ? category : value,
      series: series.map((one, n) => ({
        type: "bar",
        name: one.name,
        data: one.data,
        barMaxWidth: 48,
        ...(stack && { stack: `${one.y}` }),
        itemStyle: { color: one.group === all.other ? theme.muted : colourAt(palette, n) },
        label: {
          show: flag(config, "dataLabel"),
          position: stack ? "inside" : lying ? "right" : "top",
          color: stack ? theme.surface : theme.text,
          fontSize: theme.fontSize,
          formatter: ({ value: v }: { value: unknown }) => (typeof v === "number" ? format(v) : ""),
        },
      })),
    },
  };
}

export const bar: Build = (given) => bars(given, true);
export const column: Build = (given) => bars(given, false);

// Wide enough for a ring with words on both sides.
const WIDE = 520;

interface Slice {
  name: string;
  value: number;
  percent: number;
}

export const pie: Build = (given) => {
  const { config, theme } = given;
  const value = need(given, text(config, "value"), words(charts.fields.value));
  const by = groups(given, optional(given, text(config, "color")));
  const sums = new Map<string, number>();
  for (const row of given.rows) {
    const group = by.of(row);
    const read = num(row, value);
    sums.set(group, group === given.other ? (sums.get(group) ?? 0) + read : read);
  }
  const palette = paletteOf(config, theme);
  const format = numberText(config);
  const labels = flag(config, "dataLabel");
  const wide = given.width >= WIDE;
  const outer = labels && !wide ? 52 : 72;
  return {
    folded: by.folded,
    option: {
      ...base(given),
      legend: legendOf(given, [...sums.keys()]),
      series: [
        {
          type: "pie",
          radius: [flag(config, "donut") ? `${outer * 0.62}%` : 0, `${outer}%`],
          center: ["50%", "55%"],
          data: [...sums].map(([name, sum], n) => ({
            name: name || given.columns[value]!.name,
            value: sum,
            itemStyle: { color: colourAt(palette, n), borderColor: theme.surface, borderWidth: 1 },
          })),
          // Outside they say all; small panels have room for little beside each other.
          label: labels
            ? {
                color: theme.text,
                fontSize: theme.fontSize,
                lineHeight: 14,
                formatter: ({ name, value: v, percent }: Slice) =>
                  wide
                    ? `${name}: ${format(v)} (${percent} %)`
                    : `${name}\n${format(v)}\n${percent.toFixed(0)} %`,
              }
            : {
                position: "inside",
                color: theme.surface,
                fontSize: theme.fontSize,
                formatter: ({ percent }: Slice) => (percent >= 6 ? `${percent.toFixed(0)} %` : ""),
              },
          labelLine: {
            lineStyle: { color: theme.muted },
            ...(!wide && { length: 6, length2: 4 }),
          },
        },
      ],
    },
  };
};

// Dials beside each other; more would be too small to read.
const DIALS_MAX = 6;

export const gauge: Build = (given) => {
  const { config, theme } = given;
  const value = need(given, text(config, "value"), words(charts.fields.value));
  const at = optional(given, text(config, "color"));
  const newest = new Map(
    given.rows.map((row) => [at < 0 ? "" : label(given, at, row), num(row, value)]),
  );
  const dials = [...newest].slice(0, DIALS_MAX);
  const low = number(config, "min") ?? 0;
  const high =
    number(config, "max") ?? nice(Math.max(0, ...given.rows.map((row) => num(row, value))));
  const palette = paletteOf(config, theme);
  const format = numberText(config);
  const place = dialPlaces(dials.length, given.width, given.height);
  return {
    folded: newest.size - dials.length,
    option: {
      ...base(given),
      series: dials.map(([name, reading], n) => ({
        type: "gauge",
        min: low,
        max: high,
        startAngle: 210,
        endAngle: -30,
        center: place.center(n),
        radius: place.radius,
        progress: {
          show: true,
          width: place.stroke,
          itemStyle: { color: canvasColour(config.color, colourAt(palette, n)) },
        },
        axisLine: { lineStyle: { width: place.stroke, color: [[1, theme.line]] } },
        axisTick: { show: false },
        splitLine: { show: false },
        axisLabel: {
          show: place.radius >= 50,
          distance: -place.stroke,
          color: theme.muted,
          fontSize: 10,
          // The ends of the scale, below its ends.
          formatter: (v: number) => `\n\n\n${format(v)}`,
        },
        splitNumber: 1,
        pointer: { show: false },
        anchor: { show: false },
        title: {
          offsetCenter: [0, place.radius + 4],
          color: theme.muted,
          fontSize: 12,
          width: place.radius * 2,
          overflow: "truncate",
        },
        detail: {
          offsetCenter: [0, "0%"],
          color: theme.text,
          fontSize: Math.min(32, Math.max(12, place.radius * 0.32)),
          formatter: (v: number) => format(v),
        },
        data: [{ value: Number.isFinite(reading) ? reading : null, name }],
      })),
    },
  };
};

const NAME_HEIGHT = 20;

/** As large as they can be, in as many rows as that takes. */
function dialPlaces(count: number, width: number, height: number) {
  let best = { columns: 1, rows: count, side: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const side = Math.min(width / columns, (height / rows - NAME_HEIGHT) * 1.2);
    if (side > best.side) best = { columns, rows, side };
  }
  const radius = Math.max(12, best.side * 0.42);
  return {
    radius,
    stroke: Math.min(14, Math.max(4, radius * 0.16)),
    center: (n: number): [number, number] => {
      const row = Math.floor(n / best.columns);
      const inRow = Math.min(best.columns, count - row * best.columns);
      const cell = height / best.rows;
      return [
        ((n - row * best.columns + 0.5) / inRow) * width,
        row * cell + (cell - NAME_HEIGHT) / 2 + radius * 0.2,
      ];
    },
  };
}

/** The next round number above. */
function nice(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * size).find((n) => n >= value) ?? value;
}

export const histogram: Build = (given) => {
  const { config, theme } = given;
  const value = need(
    given,
    text(config, "value") || (rolesOf(given.columns, []).measures[0] ?? ""),
    words(charts.fields.value),
  );
  const numbers = given.rows.map((row) => numberOf(row[value])).filter(Number.isFinite);
  const bins = Math.min(200, Math.max(2, Math.round(number(config, "bins") ?? 20)));
  const low = numbers.length ? Math.min(...numbers) : 0;
  const high = numbers.length ? Math.max(...numbers) : 1;
  const step = (high - low || 1) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const one of numbers) counts[Math.min(bins - 1, Math.floor((one - low) / step))]! += 1;
  const format = numberText(config);
  return {
    option: {
      ...base(given),
      grid: grid(false),
      tooltip: { ...(base(given).tooltip as object), trigger: "axis", valueFormatter: undefined },
      xAxis: firstBound(
        axis(given, {
          type: "category",
          data: counts.map((_, n) => `${format(low + n * step)} – ${format(low + (n + 1) * step)}`),
          title: text(config, "xTitle"),
        }),
      ),
      yAxis: {
        ...axis(given, { type: "value", title: text(config, "yTitle"), bare: true }),
        minInterval: 1,
      },
      series: [
        {
          type: "bar",
          name: given.columns[value]!.name,
          data: counts,
          barCategoryGap: "4%",
          itemStyle: { color: colourAt(paletteOf(config, theme), 0) },
        },
      ],
    },
  };
};

/** The axis of a histogram shows where each bin begins; the tip has both bounds. */
function firstBound(shown: Record<string, unknown>): Record<string, unknown> {
  const label = shown.axisLabel as Record<string, unknown>;
  return { ...shown, axisLabel: { ...label, formatter: (bin: string) => bin.split(" – ")[0] } };
}
