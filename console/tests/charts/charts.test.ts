// Guesses, values, time ranges, rules of tables, placeholders of texts.
import { expect, test, vi } from "vitest";
import { configFor, guess } from "@/charts/guess";
import { folded, hzOf, lookOf } from "@/charts/look";
import { formed } from "@/charts/moment";
import { type Past, seen } from "@/charts/tableHistory";
import { filled } from "@/charts/templates";
import {
  bounds,
  durationText,
  momentMs,
  parseRange,
  rangeText,
  shifted,
  zoomedOut,
} from "@/charts/timeRange";
import { roundTimes } from "@/charts/uplotOptions";
import { kindOf, numberOf, type Row, timeOf, zoneOf } from "@/charts/values";

vi.mock("@/app/theme", () => ({ colour: () => "#123456" }));

const IOT = [
  { name: "device", type: "string" },
  { name: "number", type: "int32" },
  { name: "time", type: "datetime64(3)" },
  { name: "temperature", type: "float64" },
  { name: "latitude", type: "float64" },
  { name: "note", type: "string" },
  { name: "_tp_time", type: "datetime64(3, 'UTC')" },
];
const rows: Row[] = Array.from({ length: 60 }, (_, n) => [
  `d${n % 5}`,
  n,
  "2026-01-01 00:00:00.000",
  20 + n,
  1,
  `row ${n}`,
  "2026-01-01 00:00:00.000",
]);

test("time, number and a text of few values make a line by group", () => {
  expect(guess(IOT, rows)).toEqual({
    chartType: "line",
    config: { xAxis: "_tp_time", yAxis: "temperature", color: "device", xRange: "Infinity" },
  });
});

test("other results", () => {
  const number = { name: "n", type: "uint64" };
  const city = { name: "city", type: "low_cardinality(string)" };
  expect(guess([number], [[5]]).chartType).toBe("singleValue");
  expect(
    guess(
      [city, number],
      [
        ["a", 1],
        ["b", 2],
        ["a", 3],
        ["b", 1],
        ["a", 2],
      ],
    ),
  ).toMatchObject({
    chartType: "column",
    config: { xAxis: "city", yAxis: "n", updateMode: "key", updateKey: "city" },
  });
  expect(guess([{ name: "text", type: "string" }], [["x"]]).chartType).toBe("table");
  const candle = ["time", "open", "high", "low", "close"].map((name) => ({
    name,
    type: name === "time" ? "datetime" : "float64",
  }));
  expect(guess(candle, []).chartType).toBe("ohlc");
});

test("another kind takes over what fits", () => {
  const line = {
    chartType: "line",
    config: { xAxis: "_tp_time", yAxis: ["temperature"], color: "device", unit: { value: "C" } },
  };
  expect(configFor("bar", line, IOT, rows).config).toMatchObject({
    xAxis: "device",
    yAxis: "temperature",
    updateKey: "device",
    unit: { value: "C" },
  });
  expect(configFor("singleValue", line, IOT, rows).config).toMatchObject({ value: "temperature" });
  expect(configFor("geo", line, IOT, rows).config).toMatchObject({ latitude: "latitude" });
});

test("what a chart looks at", () => {
  const line = {
    chartType: "line",
    config: { xAxis: "_tp_time", yAxis: "temperature", color: "device", xRange: "5" },
  };
  expect(lookOf(line, IOT, 640).series).toEqual({
    x: "_tp_time",
    y: ["temperature"],
    by: "device",
    width: 640,
    rangeMs: 300_000,
  });
  expect(lookOf(line, IOT, 640, 60_000).series!.rangeMs).toBe(60_000);
  expect(
    lookOf({ chartType: "bar", config: { updateMode: "key", updateKey: "device" } }, IOT, 1).mode,
  ).toEqual({ kind: "key", key: "device" });
  expect(
    lookOf({ chartType: "bar", config: { updateMode: "time", updateKey: "none" } }, IOT, 1).mode,
  ).toEqual({ kind: "all" });
  expect(lookOf({ chartType: "table", config: { rowCount: "5" } }, IOT, 1).maxRows).toBe(5);
});

test("keys of several columns are folded by the page", () => {
  const columns = [
    { name: "a", type: "string" },
    { name: "b", type: "string" },
    { name: "n", type: "int8" },
  ];
  const viz = { chartType: "heatmap", config: { updateMode: "key", updateKey: ["a", "b"] } };
  expect(
    folded(
      [
        ["x", "y", 1],
        ["x", "z", 2],
        ["x", "y", 3],
      ],
      viz,
      columns,
    ),
  ).toEqual([
    ["x", "y", 3],
    ["x", "z", 2],
  ]);
});

test("kinds of types and values", () => {
  expect(
    [
      "nullable(float64)",
      "low_cardinality(string)",
      "decimal(10, 2)",
      "datetime64(3, 'UTC')",
      "bool",
      "array(int8)",
      "date32",
    ].map(kindOf),
  ).toEqual(["number", "text", "number", "time", "bool", "text", "time"]);
  expect(zoneOf("datetime64(3, 'Europe/Berlin')")).toBe("Europe/Berlin");
  expect([
    numberOf("inf"),
    numberOf("170141183460469231731687303715884105728"),
    numberOf(null),
    numberOf(""),
  ]).toEqual([Infinity, 2 ** 127, NaN, NaN]);
  expect(timeOf("2026-01-31 12:00:00.250")).toBe(Date.UTC(2026, 0, 31, 12, 0, 0, 250));
  expect(timeOf("2026-01-31T12:00:00.25+02:00")).toBe(Date.UTC(2026, 0, 31, 10, 0, 0, 250));
  expect(timeOf("2026-01-31")).toBe(Date.UTC(2026, 0, 31));
  expect(timeOf(1_700_000_000)).toBe(1_700_000_000_000);
});

test("ranges of time as texts", () => {
  for (const text of [
    "live",
    "live-5m",
    "now-15m..now",
    "2026-01-01T00:00:00Z..2026-01-02T00:00:00Z",
  ])
    expect(rangeText(parseRange(text)!)).toBe(text);
  expect(parseRange("now-1h to now-30m")).toEqual({ kind: "past", from: "now-1h", to: "now-30m" });
  expect(parseRange("now-15m")).toEqual({ kind: "past", from: "now-15m", to: "now" });
  for (const bad of ["", "soon", "now..now-1h", "live-", "now-5x"])
    expect(parseRange(bad), bad).toBeUndefined();
  expect(durationText(5_400_000)).toBe("90m");
  const day = Date.UTC(2026, 0, 31, 12);
  expect(momentMs("now-1d/d", day)).toBe(Date.UTC(2026, 0, 30));
  const past = parseRange("2026-01-01T00:00:00Z..2026-01-01T01:00:00Z")!;
  expect(bounds(shifted(past, 1, 0), 0)).toEqual({
    from: Date.UTC(2026, 0, 1, 0, 30),
    to: Date.UTC(2026, 0, 1, 1, 30),
  });
  expect(bounds(zoomedOut(past, 0), 0)).toEqual({
    from: Date.UTC(2025, 11, 31, 23, 30),
    to: Date.UTC(2026, 0, 1, 1, 30),
  });
});

test("placeholders: the last row, the row of a key, variables", () => {
  const source = {
    columns: [
      { name: "k", type: "string" },
      { name: "v", type: "float64" },
      { name: "a b", type: "string" },
    ],
    rows: [
      ["x", 1, "p"],
      ["y", 2, "q"],
    ] as Row[],
    keyColumn: "k",
    variables: { city: "Rome" },
    zone: "UTC",
  };
  expect(filled("{{v}} {{@x::v}} {{ a b }} {{city}} {{none}} {{@z::v}}", source)).toBe(
    "2 1 q Rome – –",
  );
  // Means are read, addresses are not.
  const mean = { ...source, rows: [["x", 14.645454545454543, "p"]] as Row[] };
  expect(filled("{{v}}", mean)).toBe("14.6455");
  expect(filled("{{v}}", mean, true)).toBe("14.645454545454543");
});

test("times in the form that a file asks for", () => {
  const at = Date.UTC(2026, 0, 5, 13, 7, 9, 42);
  for (const [form, words] of [
    ["HH:mm:ss", "13:07:09"],
    ["MM/DD HH:mm:ss.SSS", "01/05 13:07:09.042"],
    ["LT", "13:07"],
    ["LTS", "13:07:09"],
    ["h:mm A", "1:07 PM"],
    ["[at] dddd, D MMM YY", "at Monday, 5 Jan 26"],
    ["LL", "5 January 2026"],
  ] as const)
    expect(formed(at, form, "UTC"), form).toBe(words);
  expect(formed(at, "HH:mm", "Asia/Kolkata")).toBe("18:37");
});

test("ticks are round moments of the zone that is shown", () => {
  const from = Date.UTC(2026, 0, 5, 12, 10);
  const hours = (zone: string) =>
    roundTimes(from, from + 3 * 3_600_000, 3_600_000, zone).map((ms) => formed(ms, "HH:mm", zone));
  expect(hours("UTC")).toEqual(["13:00", "14:00", "15:00"]);
  expect(hours("Asia/Kolkata")).toEqual(["18:00", "19:00", "20:00"]);
  expect(roundTimes(1_000_000_000_123, 1_000_000_001_200, 500, "UTC")).toEqual([
    1_000_000_000_500, 1_000_000_001_000,
  ]);
});

test("a table's rows are known again by their key, whatever order they come in", () => {
  const kept = new Map();
  const first: Row[] = [
    ["a", 1],
    ["b", 5],
  ];
  const second: Row[] = [
    ["b", 4],
    ["a", 1],
  ];
  const values = (past: Past, row: Row) => past.get(row)?.get(1);
  seen(kept, first, [1], [0]);
  const past = seen(kept, second, [1], [0]);
  expect(values(past, second[0]!)).toEqual([5, 4]);
  expect(values(past, second[1]!)).toEqual([1]);
});

test("a grammar's throttle asks for fewer drawings", () => {
  const hz = (config: object) => hzOf({ chartType: "grammar", config: { ...config } }, 4);
  expect([hz({}), hz({ throttleMs: 1000 }), hz({ throttleMs: 1e6 })]).toEqual([2, 1, 0.2]);
});
