// Heat map, candlesticks, states over time: marks on a plane of two axes.
import { charts } from "@/text/charts";
import { object, rangeMs, text } from "../config";
import { rolesOf } from "../guess";
import { canvasColour, colourAt, mixed, paletteOf } from "../theme";
import { timeOf } from "../values";
import { numberText, timeText } from "../words";
import {
  axis,
  type Build,
  base,
  type Given,
  grid,
  groups,
  label,
  moments,
  need,
  num,
  optional,
  tooltip,
  Unfit,
} from "./common";

const words = (what: string) => ({ missing: charts.missing, choose: charts.choose(what) });
const CELLS_X_MAX = 120;

export const heatmap: Build = (given) => {
  const { config, theme } = given;
  const x = need(given, text(config, "xAxis"), words(charts.fields.xAxis));
  const y = need(given, text(config, "yAxis"), words(charts.fields.yAxis));
  const value = need(given, text(config, "value"), words(charts.fields.value));
  const by = groups(given, y);
  const across = [...new Set(given.rows.map((row) => label(given, x, row)))].slice(-CELLS_X_MAX);
  const place = new Map(across.map((name, n) => [name, n]));
  const cells = new Map<string, [number, number, number]>();
  for (const row of given.rows) {
    const at = place.get(label(given, x, row));
    const up = by.names.indexOf(by.of(row));
    if (at !== undefined && up >= 0) cells.set(`${at}|${up}`, [at, up, num(row, value)]);
  }
  const data = [...cells.values()].filter((cell) => Number.isFinite(cell[2]));
  const all = data.map((cell) => cell[2]);
  const strong = canvasColour(config.color, colourAt(paletteOf(config, theme), 0));
  return {
    folded: by.folded,
    option: {
      ...base(given),
      grid: { ...grid(false), right: 64 },
      xAxis: axis(given, {
        type: "category",
        data: across,
        moments: moments(given, x),
        labels: object(config, "xTickLabel"),
        title: text(config, "xTitle"),
      }),
      yAxis: axis(given, {
        type: "category",
        data: by.names,
        labels: object(config, "yTickLabel"),
        title: text(config, "yTitle"),
        upright: true,
      }),
      visualMap: {
        min: all.length ? Math.min(...all) : 0,
        max: all.length ? Math.max(...all) : 1,
        calculable: false,
        orient: "vertical",
        right: 0,
        top: "middle",
        itemWidth: 10,
        itemHeight: 90,
        text: all.length
          ? [numberText(config)(Math.max(...all)), numberText(config)(Math.min(...all))]
          : [],
        textStyle: { color: theme.muted, fontSize: 10 },
        inRange: { color: [mixed(strong, theme.surface, 0.1), strong] },
      },
      series: [{ type: "heatmap", name: given.columns[value]!.name, data, progressive: 0 }],
    },
  };
};

const OHLC = ["time", "open", "high", "low", "close"];

export const ohlc: Build = (given) => {
  const { config, theme } = given;
  const lower = given.columns.map((column) => column.name.toLowerCase());
  const missing = OHLC.filter((name) => !lower.includes(name));
  if (missing.length) throw new Unfit(`${charts.ohlcNeeds} ${charts.missingAll(missing)}`);
  const [time, open, high, low, close] = OHLC.map((name) => lower.indexOf(name)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const bars = new Map<number, number[]>();
  for (const row of given.rows)
    bars.set(timeOf(row[time]), [num(row, open), num(row, close), num(row, low), num(row, high)]);
  const range = rangeMs(config);
  const newest = Math.max(...bars.keys());
  const shown = [...bars]
    .filter(([at]) => !range || at > newest - range)
    .sort((a, b) => a[0] - b[0]);
  const up = canvasColour(config.increaseColor, theme.good);
  const down = canvasColour(config.decreaseColor, theme.bad);
  return {
    option: {
      ...base(given),
      tooltip: {
        ...tooltip(given),
        trigger: "axis",
        axisPointer: { type: "cross", lineStyle: { color: theme.muted } },
      },
      grid: grid(false),
      xAxis: axis(given, {
        type: "category",
        data: shown.map(([at]) => timeText(at, given.zone)),
        moments: new Map(shown.map(([at]) => [timeText(at, given.zone), at])),
        title: text(config, "xTitle"),
      }),
      yAxis: {
        ...axis(given, {
          type: "value",
          range: object(config, "yRange"),
          title: text(config, "yTitle"),
        }),
        scale: true,
      },
      series: [
        {
          type: "candlestick",
          data: shown.map(([, values]) => values),
          itemStyle: { color: up, color0: down, borderColor: up, borderColor0: down },
        },
      ],
    },
  };
};

/** Each row begins a state of its lane that lasts until the lane's next row. */
export const stateTimeline: Build = (given) => {
  const { config, theme } = given;
  const roles = rolesOf(given.columns, []);
  const time = need(
    given,
    text(config, "xAxis") || (roles.times[0] ?? ""),
    words(charts.fields.xAxis),
  );
  const state = need(given, text(config, "value"), words(charts.fields.state));
  const lane = optional(given, text(config, "yAxis"));
  const by = groups(given, lane);
  const states = [...new Set(given.rows.map((row) => label(given, state, row)))];
  const palette = paletteOf(config, theme);
  const sorted = given.rows
    .map((row) => ({ at: timeOf(row[time]), row }))
    .filter((one) => !Number.isNaN(one.at))
    .sort((a, b) => a.at - b.at);
  const end = sorted.at(-1)?.at ?? 0;
  const range = rangeMs(config);
  const start = range ? end - range : (sorted[0]?.at ?? 0);
  const open = new Map<string, { from: number; state: string }>();
  const spans: { lane: string; from: number; to: number; state: string }[] = [];
  for (const { at, row } of sorted) {
    const name = by.of(row);
    const now = label(given, state, row);
    const before = open.get(name);
    if (before?.state === now) continue;
    if (before) spans.push({ lane: name, from: before.from, to: at, state: before.state });
    open.set(name, { from: at, state: now });
  }
  for (const [name, one] of open)
    spans.push({ lane: name, from: one.from, to: end, state: one.state });
  return {
    folded: by.folded,
    option: lanes(given, {
      spans: spans.filter((one) => one.to >= start),
      names: by.names,
      states,
      start,
      end,
      palette,
    }),
  };
};

interface Lanes {
  spans: { lane: string; from: number; to: number; state: string }[];
  names: string[];
  states: string[];
  start: number;
  end: number;
  palette: string[];
}

interface Api {
  value: (n: number) => number;
  coord: (at: number[]) => number[];
  size: (of: number[]) => number[];
}

function lanes(given: Given, { spans, names, states, start, end, palette }: Lanes) {
  const { theme } = given;
  return {
    ...base(given),
    grid: grid(true),
    tooltip: {
      ...tooltip(given),
      formatter: ({ value }: { value: (number | string)[] }) =>
        `${value[4]}\n${timeText(Number(value[1]), given.zone)} – ${timeText(Number(value[2]), given.zone)}`,
    },
    legend: {
      top: 0,
      left: 4,
      type: "scroll",
      data: states.map((name) => ({ name, icon: "roundRect" })),
      selectedMode: false,
      textStyle: { color: theme.muted, fontSize: theme.fontSize },
      itemWidth: 10,
      itemHeight: 10,
    },
    xAxis: {
      ...axis(given, { type: "time", span: end - start, title: text(given.config, "xTitle") }),
      min: start,
      max: Math.max(end, start + 1),
    },
    yAxis: axis(given, {
      type: "category",
      data: names,
      inverse: true,
      upright: true,
      title: text(given.config, "yTitle"),
      labels: object(given.config, "yTickLabel"),
    }),
    series: states.map((state, n) => ({
      type: "custom",
      name: state,
      itemStyle: { color: colourAt(palette, n) },
      encode: { x: [1, 2], y: 0 },
      data: spans
        .filter((one) => one.state === state)
        .map((one) => [names.indexOf(one.lane), Math.max(one.from, start), one.to, n, state]),
      renderItem: (_: unknown, api: Api) => {
        const [left, middle] = api.coord([api.value(1), api.value(0)]) as [number, number];
        const [right] = api.coord([api.value(2), api.value(0)]) as [number, number];
        const height = (api.size([0, 1])[1] ?? 16) * 0.7;
        return {
          type: "rect",
          shape: {
            x: left,
            y: middle - height / 2,
            width: Math.max(1, right - left),
            height,
            r: 2,
          },
          style: { fill: colourAt(palette, n) },
        };
      },
    })),
  };
}
