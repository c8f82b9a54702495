// Dashboards go through reading and writing without loss, whatever variant they are in.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { isObject, type Json, updateOf, vizOf, withViz } from "@/charts/config";
import {
  bodyOf,
  controlOf,
  fileOf,
  markdownOf,
  parseBoard,
  parseFile,
  tagsOf,
} from "@/pages/dashboards/format";
import { fillMarks, marksOf } from "@/pages/dashboards/marks";

const folder = fileURLToPath(new URL("./files", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (name: string) => readFileSync(`${folder}/${name}`, "utf8");
const panelsOf = (text: string): Json[] => {
  const raw = JSON.parse(text);
  return Array.isArray(raw) ? raw : raw.panels;
};
const panel = (name: string, id: string) =>
  parseFile(read(name), "x").panels.find((one) => one.id === id)!;

test("there is a file for each variant", () => {
  const kinds = files.flatMap((name) =>
    panelsOf(read(name)).map((one) =>
      one.viz_type === "chart" ? vizOf(one.viz_config as Json).chartType : one.viz_type,
    ),
  );
  for (const kind of [
    "table",
    "bar",
    "column",
    "line",
    "area",
    "singleValue",
    "md",
    "geo",
    "ohlc",
    "grammar",
    "heatmap",
    "pie",
    "gauge",
    "histogram",
    "logs",
    "stateTimeline",
    "markdown",
    "control",
    "hologram",
  ])
    expect(kinds, kind).toContain(kind);
});

test.each(files)("%s comes out as it went in", (name) => {
  const text = read(name);
  const written = fileOf(parseFile(text, "given"));
  const raw = JSON.parse(text);
  const before = panelsOf(text);
  const after = written.panels as Json[];
  expect(after.length).toBe(before.length);
  before.forEach((one, n) => {
    const { position, ...rest } = one;
    const { position: place, ...others } = after[n]!;
    // Each key that was there, unknown ones too, says what it said.
    expect(others).toMatchObject(rest);
    const was = position as Record<string, unknown>;
    const is = place as Record<string, number>;
    for (const key of ["x", "y", "w", "h"]) expect(is[key], key).toBe(Number(was[key]));
    expect([is.nextX, is.nextY]).toEqual([is.x! + is.w!, is.y! + is.h!]);
    if ("pinned" in was) expect(is.pinned).toBe(was.pinned);
  });
  expect(written.name).toBe(Array.isArray(raw) ? "given" : raw.name);
  if (isObject(raw) && "theme" in raw) expect(written.theme).toBe("kept");
  // A second time changes nothing any more.
  expect(fileOf(parseFile(JSON.stringify(written), ""))).toEqual(written);
});

test.each(files)("%s survives the API, whose panels have fixed keys", (name) => {
  const board = parseFile(read(name), "x");
  const { rest: _rest, ...stored } = board;
  const { rest: _none, ...back } = parseBoard(JSON.parse(JSON.stringify(bodyOf(board))), "");
  expect(back).toEqual(stored);
});

test("kinds that others do not know are named in the file", () => {
  expect(fileOf(parseFile(read("maps-and-others.json"), "")).x_ownTypes).toEqual([
    "h1",
    "p1",
    "s1",
    "l1",
    "ga",
    "hi",
  ]);
});

test("what is no dashboard is refused with a reason", () => {
  expect(() => parseFile("{", "")).toThrow(/no JSON/);
  expect(() => parseFile('{"a":1}', "")).toThrow(/panels/);
});

test("places that cannot be are mended, equal ids told apart", () => {
  const board = parseBoard(
    [
      { id: "a", position: { x: 10, y: -3, w: 40, h: 0 } },
      { id: "a", position: { x: 11, y: 2, w: 4, h: 2 } },
      { viz_content: "SELECT 1" },
    ],
    "x",
  );
  expect(board.panels.map((one) => one.position)).toEqual([
    { x: 0, y: 0, w: 12, h: 1 },
    { x: 8, y: 2, w: 4, h: 2 },
    { x: 0, y: 4, w: 6, h: 4 },
  ]);
  expect(new Set(board.panels.map((one) => one.id)).size).toBe(3);
});

test("Markdown: mdString with SQL beside it, or the content itself", () => {
  const name = "texts-and-controls.json";
  expect(markdownOf(panel(name, "m1"))).toEqual({ text: "# Hello {{name}}", sql: "" });
  expect(markdownOf(panel(name, "m2"))).toEqual({
    text: "Total: **{{total}}**",
    sql: "SELECT total FROM t",
  });
  expect(markdownOf(panel(name, "m3"))).toEqual({ text: "the *text* itself", sql: "" });
});

test("controls", () => {
  const name = "texts-and-controls.json";
  expect(controlOf(panel(name, "c1"))).toMatchObject({
    kind: "selector",
    target: "city",
    defaultValue: "Rome",
    choices: ["Rome", "Oslo", "Paris"],
    labelWidth: 30,
    multi: false,
  });
  expect(controlOf(panel(name, "c2")).kind).toBe("text");
  expect(controlOf(panel(name, "c3"))).toMatchObject({
    multi: true,
    optionsSql: "SELECT DISTINCT host FROM table(h)",
    choices: [],
  });
});

test("marks of application bundles are found and filled", () => {
  const text = read("maps-and-others.json");
  expect(marksOf(text)).toEqual(["Config.table", "DB"]);
  const board = parseFile(fillMarks(text, { DB: 'd"b', "Config.table": "candles" }), "");
  expect(board.panels[0]!.content).toBe('SELECT lon, lat, city FROM d"b.places');
  expect(board.panels[1]!.content).toContain("FROM candles");
});

test("marks with functions and blocks are asked for as a whole", () => {
  const block = "[[ range $i, $_ := until 3 ]][[ if $i ]],[[ end ]]S_[[ $i ]][[ end ]]";
  const list = '[[ join "," (fromJson .Config.products) ]]';
  const content = JSON.stringify([
    { viz_type: "control", viz_config: { inlineValues: block, defaultValue: list } },
    { viz_content: "SELECT [[1, 2], [3]] FROM [[.DB]].t", position: { x: 0 } },
    [[0, 20]],
  ]);
  expect(marksOf(content)).toEqual(["DB", list, block]);
  const filled = fillMarks(content, { DB: "d", [block]: "S_0,S_1", [list]: 'a"b' });
  expect(JSON.parse(filled)).toMatchObject([
    { viz_config: { inlineValues: "S_0,S_1", defaultValue: 'a"b' } },
    { viz_content: "SELECT [[1, 2], [3]] FROM d.t" },
    [[0, 20]],
  ]);
  // What nobody has said stays.
  expect(marksOf(fillMarks(content, { DB: "d" }))).toEqual([list, block]);
});

test("settings may stand beside config; a change keeps each where it was", () => {
  const raw = { chart_type: "line", xAxis: "t", config: { yAxis: "v", odd: 1 } };
  const viz = vizOf(raw);
  expect(viz).toEqual({ chartType: "line", config: { xAxis: "t", yAxis: "v", odd: 1 } });
  expect(
    withViz(raw, { chartType: "area", config: { ...viz.config, xAxis: "u", legend: true } }),
  ).toEqual({
    chartType: "area",
    xAxis: "u",
    config: { yAxis: "v", odd: 1, legend: true },
  });
});

test("update modes, computed keys, and the modes of grammar", () => {
  expect(updateOf(vizOf(panel("bare-list.json", "p1").viz))).toEqual({
    mode: "time",
    key: ["emit_version()"],
  });
  expect(updateOf(vizOf(panel("maps-and-others.json", "gr").viz))).toEqual({
    mode: "time",
    key: ["t"],
  });
  expect(updateOf({ chartType: "bar", config: { updateMode: "key" } })).toEqual({
    mode: "all",
    key: [],
  });
});

test("tags of a description", () => {
  expect(tagsOf("#plant and c# of #night-shift #plant")).toEqual(["plant", "night-shift"]);
});
