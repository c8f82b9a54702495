// No key of the panels' format is ignored: each one is read when its kind of chart is drawn.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { beforeAll, expect, test, vi } from "vitest";
import { type Json, vizOf } from "@/charts/config";
import { hzOf, isTimeSeries, lookOf } from "@/charts/look";
import { bar, column, gauge, histogram, pie } from "@/charts/options/category";
import type { Build } from "@/charts/options/common";
import { geo } from "@/charts/options/geo";
import { grammar } from "@/charts/options/grammar";
import { heatmap, ohlc, stateTimeline } from "@/charts/options/plane";
import { points } from "@/charts/options/points";
import { SingleValue } from "@/charts/SingleValue";
import { TableChart } from "@/charts/TableChart";
import { type ChartTheme, canvasColour, colourOf } from "@/charts/theme";
import { lineData, lineOptions } from "@/charts/uplotOptions";
import type { Column, Row } from "@/charts/values";

vi.mock("@/app/theme", () => ({ colour: () => "#123456" }));
beforeAll(() => {
  vi.stubGlobal("CSS", { supports: () => true });
});

const folder = fileURLToPath(new URL("../dashboards/files", import.meta.url));
const files = readdirSync(folder).filter((name) => name.startsWith("every-key-"));
interface Panel {
  title: string;
  viz_content: string;
  viz_config: Json;
}
const panels: Panel[] = files.flatMap(
  (name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8")).panels,
);

// The table of the format: the keys of each kind (but `legend` of lines, which is the page's own).
const LINE =
  "xAxis yAxis color xRange xFormat xTitle yTitle yRange.min yRange.max lineStyle dataLabel showAll points gridlines unit.value unit.position fractionDigits colors yTickLabel.maxChar";
const BARS =
  "xAxis yAxis color groupType updateMode updateKey xFormat xTitle yTitle dataLabel legend gridlines unit.value unit.position fractionDigits colors xTickLabel.maxChar yTickLabel.maxChar xRange yRange.min yRange.max";
const KEYS: Record<string, string> = {
  line: LINE,
  area: LINE,
  bar: BARS,
  column: BARS,
  singleValue:
    "value color sparkline sparklineColor delta increaseColor decreaseColor fontSize fractionDigits unit.value unit.position field thresholds",
  table:
    "rowCount updateMode updateKey tableWrap tableStyles.temperature.name tableStyles.temperature.show tableStyles.temperature.width tableStyles.temperature.trend tableStyles.temperature.miniChartType tableStyles.temperature.conditions tableStyles.temperature.highlightRow tableStyles.temperature.increaseColor tableStyles.temperature.decreaseColor",
  geo: "longitude latitude color updateMode updateKey visibleColumns opacity zoom center size.key size.value size.range colors",
  ohlc: "xRange yRange.min yRange.max",
  grammar:
    "markType xField yField colorField sizeField xScaleType yScaleType temporalMode temporalRange streamMaxItems streamMode throttleMs xAxisTitle yAxisTitle legendPosition advancedSpec",
};

/** The config, and which paths of it were read. */
function watched(config: Json, seen: Set<string>, path = ""): Json {
  return new Proxy(config, {
    get(of, key) {
      const value = of[key as string];
      if (typeof key !== "string") return value;
      seen.add(path + key);
      return typeof value === "object" && value !== null && !Array.isArray(value)
        ? watched(value as Json, seen, `${path}${key}.`)
        : value;
    },
  });
}

const COLUMNS: Column[] = [
  ["time", "datetime64(3)"],
  ["window_start", "datetime64(3)"],
  ["device", "string"],
  ["location", "string"],
  ["emit_version()", "int64"],
  ...["temperature", "mean", "low", "high", "open", "close", "n", "wet", "humidity", "battery"].map(
    (name) => [name, "float64"],
  ),
  ["latitude", "float64"],
  ["longitude", "float64"],
  ["state", "string"],
  ["_tp_time", "datetime64(3)"],
].map(([name, type]) => ({ name: name!, type: type! }));
const ROWS: Row[] = Array.from({ length: 12 }, (_, n) =>
  COLUMNS.map(({ name, type }) =>
    type.startsWith("date")
      ? `2026-01-01 00:00:${10 + n}`
      : type === "string"
        ? `${name} ${n % 3}`
        : name === "emit_version()"
          ? 1
          : n + 0.5,
  ),
);
const THEME: ChartTheme = {
  ...{ palette: ["#111111", "#222222"], text: "", muted: "#333333", line: "#444444" },
  ...{ surface: "#555555", raised: "", accent: "", good: "#006600", bad: "#660000" },
  ...{ font: "x", fontSize: 11 },
};
const ENGINE: Record<string, Build> = {
  ...{ bar, column, pie, gauge, histogram, geo, grammar, heatmap, ohlc, stateTimeline },
};
const SERIES = {
  x: Float64Array.from([1e12, 1e12 + 1000]),
  lines: [
    { y: "mean", group: "a", other: false, values: Float64Array.from([1, Number.NaN]) },
    { y: "mean", group: "b", other: false, values: Float64Array.from([2, 4]) },
  ],
  folded: 0,
};

/** Calls all functions of an option: labels and tips read settings when they are drawn. */
function callAll(option: unknown): void {
  if (typeof option === "function") {
    try {
      option(1, 1);
    } catch {
      // Wants what only the engine gives.
    }
  } else if (typeof option === "object" && option !== null)
    for (const value of Object.values(option)) callAll(value);
}

function draw(panel: Panel, seen: Set<string>): void {
  const { chartType, config } = vizOf(panel.viz_config);
  const viz = { chartType, config: watched(config, seen) };
  lookOf(viz, COLUMNS, 600);
  hzOf(viz, 4);
  const given = {
    ...{ columns: COLUMNS, rows: ROWS, config: viz.config, zone: "UTC", theme: THEME },
    ...{ other: "other", width: 600, height: 300 },
  };
  if (isTimeSeries(viz, COLUMNS)) {
    const options = lineOptions(SERIES, {
      ...{ config: viz.config, area: chartType === "area", theme: THEME, width: 600, height: 300 },
      ...{ zone: "UTC", sync: undefined, onZoom: undefined, otherName: "other" },
      paths: { spline: () => null } as never,
      shown: () => SERIES,
      marks: () => [],
    });
    callAll(options);
    options.axes!.forEach((axis) => {
      if (typeof axis.values === "function")
        axis.values({ scales: { x: { min: 0, max: 9e3 } } } as never, [1, 2], 0, 1, 1);
    });
  } else if (chartType === "line") callAll(points(given).option);
  else if (ENGINE[chartType]) callAll(ENGINE[chartType](given).option);
  else if (chartType === "table" || chartType === "singleValue") {
    const kind = chartType === "table" ? TableChart : SingleValue;
    const props = { columns: COLUMNS, rows: ROWS, series: SERIES, viz };
    renderToStaticMarkup(createElement(kind, props));
    renderToStaticMarkup(createElement(kind, { ...props, rows: [...ROWS].reverse() }));
  }
}

test.each(Object.keys(KEYS))("%s: every key of the format is read", (kind) => {
  const seen = new Set<string>();
  const mine = panels.filter((one) => vizOf(one.viz_config).chartType === kind);
  for (const one of mine) if (one.title !== "Candles without close") draw(one, seen);
  expect(mine.length).toBeGreaterThan(0);
  expect(KEYS[kind]!.split(" ").filter((key) => !seen.has(key))).toEqual([]);
  // The files have each of them, so that what they say is seen in a picture too.
  const written = JSON.stringify(mine);
  for (const key of KEYS[kind]!.split(" "))
    expect(written, key).toContain(`"${key.split(".").at(-1)}"`);
});

test("colours that files name are those of the theme; others stay as they are", () => {
  expect(colourOf("blue", "x")).toBe("var(--series-1)");
  expect(canvasColour("blue", "x")).toBe("#123456");
  expect([colourOf("#0af", "x"), canvasColour("#0af", "x"), canvasColour("", "x")]).toEqual([
    ...["#0af", "#0af", "x"],
  ]);
});

test("areas of a column's values stand on each other; one without a value keeps its last", () => {
  expect(lineData(SERIES, true).slice(1)).toEqual([
    [1, 1],
    [3, 5],
  ]);
  expect(lineData(SERIES, false).slice(1)).toEqual([
    [1, null],
    [2, 4],
  ]);
});
