// Guesses, values, time ranges, rules of tables, placeholders of texts.
import { expect, test } from "vitest";
import { configFor, guess } from "@/charts/guess";
import { folded, lookOf } from "@/charts/look";
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
import { kindOf, numberOf, type Row, timeOf, zoneOf } from "@/charts/values";

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
});
