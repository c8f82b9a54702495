// Ring, update modes, sorting and filtering, texts for other programs, chart points.
import { describe, expect, test } from "vitest";
import { arranged, columnTest } from "@/live/arrange";
import { Buckets, LINES_MAX } from "@/live/buckets";
import { exported, sqlLiteral } from "@/live/export";
import { compare, selection } from "@/live/modes";
import type { Row } from "@/live/protocol";
import { Ring } from "@/live/ring";
import { Store } from "@/live/store";
import { ALL, type Arrangement } from "@/live/types";

const HEADER = [
  { name: "id", type: "string" },
  { name: "v", type: "int64" },
];

describe("ring", () => {
  test("keeps the newest rows, numbered in order of arrival", () => {
    const ring = new Ring(3);
    for (let i = 0; i < 8; i += 1) {
      ring.push([i]);
      expect(ring.list().at(-1)).toEqual([i]);
    }
    expect(ring.list()).toEqual([[5], [6], [7]]);
    expect([ring.length, ring.first, ring.next]).toEqual([3, 5, 8]);
  });

  test("stays below its bytes, and always takes the newest row", () => {
    const ring = new Ring(100, 10_000);
    for (let i = 0; i < 50; i += 1) ring.push(["x".repeat(1000)]);
    expect(ring.bytes).toBeLessThanOrEqual(10_000);
    expect(ring.length).toBe(4);
    ring.push(["y".repeat(20_000)]);
    expect(ring.list()).toEqual([["y".repeat(20_000)]]);
    ring.push(["z"]);
    expect(ring.list()).toEqual([["z"]]);
    expect(ring.bytes).toBeLessThan(100);
  });
});

function shown(mode: Parameters<typeof selection>[0], rows: Row[], header = HEADER) {
  const found = selection(mode, header)!;
  for (const row of rows) found.push(row);
  return found.list();
}

describe("update modes", () => {
  test("time: only the rows of the newest value, late ones left out", () => {
    const rows = [
      ["a", 1],
      ["b", 1],
      ["a", 2],
      ["c", 1],
      ["b", 2],
    ];
    expect(shown({ kind: "time", key: "v" }, rows)).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
  });

  test("time: versions are compared as numbers, long ones too", () => {
    expect(
      shown({ kind: "time", key: "v" }, [
        ["a", 9],
        ["a", 10],
      ]),
    ).toEqual([["a", 10]]);
    const long = ["9223372036854775806", "9223372036854775807"];
    expect(
      shown({ kind: "time", key: "v" }, [
        ["a", long[1]!],
        ["b", long[0]!],
      ]),
    ).toEqual([["a", long[1]]]);
  });

  test("key: the newest row of each value, where the value came first", () => {
    const rows = [
      ["a", 1],
      ["b", 2],
      ["a", 3],
    ];
    expect(shown({ kind: "key", key: "id" }, rows)).toEqual([
      ["a", 3],
      ["b", 2],
    ]);
  });

  test("state: rows taken back are gone, equal ones are counted", () => {
    const header = [...HEADER, { name: "_tp_delta", type: "int8" }];
    const rows = [
      ["a", 1, 1],
      ["b", 2, 1],
      ["b", 2, 1],
      ["a", 1, -1],
      ["a", 5, 1],
      ["c", 1, -1],
    ];
    expect(shown({ kind: "state" }, rows, header)).toEqual([
      ["b", 2, 2],
      ["a", 5, 1],
    ]);
  });

  test("an unknown column selects nothing away; state needs a weight", () => {
    expect(selection({ kind: "key", key: "nope" }, HEADER)).toBe(null);
    expect(selection({ kind: "state" }, HEADER)).toBe(null);
    expect(selection(ALL, HEADER)).toBe(null);
  });

  test("a mode changed later is made from the rows that are there; a state from all", () => {
    const store = new Store(2, ALL);
    store.use([...HEADER, { name: "_tp_delta", type: "int8" }]);
    for (const row of [
      ["a", 1, 1],
      ["b", 1, 1],
      ["c", 1, 1],
    ])
      store.push(row);
    expect(store.list().map((row) => row[0])).toEqual(["b", "c"]);
    store.setMode({ kind: "key", key: "id" });
    expect(store.list().map((row) => row[0])).toEqual(["b", "c"]);
    store.setMode({ kind: "state" });
    expect(store.list().map((row) => row[0])).toEqual(["a", "b", "c"]);
    store.push(["a", 1, -1]);
    expect(store.list().map((row) => row[0])).toEqual(["b", "c"]);
  });
});

describe("sorting and filtering", () => {
  const rows: Row[] = [
    ["Anna", 10],
    ["bob", 9],
    [null, 100],
    ["carl", null],
  ];
  const none: Arrangement = { sort: null, text: "", columns: {} };

  test("numbers by size, nothing first, equal rows as they were", () => {
    expect(arranged(rows, { ...none, sort: { column: 1, down: false } })).toEqual([3, 1, 0, 2]);
    expect(arranged(rows, { ...none, sort: { column: 1, down: true } })).toEqual([2, 0, 1, 3]);
    expect(arranged([[1], [1], [0]], { ...none, sort: { column: 0, down: true } })).toEqual([
      0, 1, 2,
    ]);
    expect(arranged(rows, none)).toBe(null);
    expect(compare("inf", 3)).toBeGreaterThan(0);
  });

  test("a text in any column, a question to one", () => {
    expect(arranged(rows, { ...none, text: "ANN" })).toEqual([0]);
    expect(arranged(rows, { ...none, text: "0" })).toEqual([0, 2]);
    expect(arranged(rows, { ...none, columns: { 1: "> 9" } })).toEqual([0, 2]);
    expect(arranged(rows, { ...none, columns: { 1: ">= 9", 0: "b" } })).toEqual([1]);
    expect(arranged(rows, { ...none, columns: { 1: "= null" } })).toEqual([3]);
    expect(arranged(rows, { ...none, columns: { 0: "!= bob" } })).toEqual([0, 2, 3]);
    expect(columnTest("10")(100)).toBe(true);
    expect(columnTest("= 10")(100)).toBe(false);
  });
});

describe("texts for other programs", () => {
  const header = [
    { name: "a b", type: "string" },
    { name: "n", type: "uint256" },
    { name: "l", type: "array(string)" },
  ];
  const rows: Row[] = [
    ['it\'s\t"x"\\', "115792089237316195423570985008687907853", ["p", "q'"]],
    [null, 2, []],
  ];
  const text = (format: Parameters<typeof exported>[2], table = "") =>
    exported(rows, header, format, table).text();

  test("TSV and CSV", async () => {
    expect(await text("tsv")).toBe(
      'a b\tn\tl\nit\'s "x"\\\t115792089237316195423570985008687907853\t["p","q\'"]\n\t2\t[]\n',
    );
    expect(await text("csv")).toBe(
      'a b,n,l\r\n"it\'s\t""x""\\",115792089237316195423570985008687907853,"[""p"",""q\'""]"\r\n,2,[]\r\n',
    );
  });

  test("JSON and NDJSON name the columns", async () => {
    const objects = rows.map((row) => ({ "a b": row[0], n: row[1], l: row[2] }));
    expect(JSON.parse(await text("json"))).toEqual(objects);
    const lines = (await text("ndjson")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(objects);
    expect(JSON.parse(await exported([], header, "json", "").text())).toEqual([]);
  });

  test("SQL values", async () => {
    expect(await text("sql", "s")).toBe(
      "insert into s (`a b`, n, l) values\n('it\\'s\t\"x\"\\\\', 115792089237316195423570985008687907853, ['p', 'q\\'']),\n(null, 2, []);\n",
    );
    expect(sqlLiteral("12", "string")).toBe("'12'");
    expect(sqlLiteral("1); drop stream s; --", "int64")).toBe("'1); drop stream s; --'");
  });
});

describe("chart points", () => {
  const header = [
    { name: "t", type: "datetime64(3)" },
    { name: "v", type: "float64" },
    { name: "g", type: "string" },
  ];
  const view = { x: "t", y: ["v"], width: 100 };

  test("few rows keep their own times", () => {
    const buckets = new Buckets({ ...view, rangeMs: 60_000 }, header);
    buckets.push(["2026-01-01 10:00:00.123", 5, "a"]);
    buckets.push(["2026-01-01 10:00:30.456", 7, "a"]);
    const { x, lines } = buckets.snapshot();
    const start = Date.UTC(2026, 0, 1, 10);
    expect([...x]).toEqual([start + 123, start + 30_456]);
    expect([...lines[0]!.values]).toEqual([5, 7]);
  });

  test("at most two points a pixel column; peaks stay; old ones go", () => {
    const buckets = new Buckets({ ...view, rangeMs: 10_000 }, header);
    for (let i = 0; i < 50_000; i += 1)
      buckets.push([1_767_261_600_000 + i, i === 45_000 ? 9 : 1, ""]);
    const { x, lines } = buckets.snapshot();
    expect(x.length).toBeLessThanOrEqual(202);
    expect(x.length).toBeGreaterThan(100);
    expect(Math.max(...lines[0]!.values)).toBe(9);
    expect(x[0]).toBeGreaterThanOrEqual(1_767_261_600_000 + 39_800);
    expect([...x]).toEqual([...x].sort((a, b) => a - b));
  });

  test("without a range everything since the start, ever coarser", () => {
    const buckets = new Buckets(view, header);
    for (let i = 0; i < 20_000; i += 1) buckets.push([1_767_261_600_000 + i * 7, i % 100, ""]);
    const { x, lines } = buckets.snapshot();
    expect(x.length).toBeLessThanOrEqual(200);
    expect(x.length).toBeGreaterThan(100);
    expect(Math.min(...lines[0]!.values)).toBe(0);
    expect(Math.max(...lines[0]!.values)).toBe(99);
  });

  test("groups beyond twenty lines are folded together and counted", () => {
    const buckets = new Buckets({ ...view, by: "g", rangeMs: 60_000 }, header);
    for (let i = 0; i < 50; i += 1) buckets.push([1_767_261_600_000 + i, i, `g${i % 25}`]);
    const { lines, folded, x } = buckets.snapshot();
    expect(lines).toHaveLength(LINES_MAX + 1);
    expect(lines.filter((line) => line.other)).toHaveLength(1);
    expect(folded).toBe(5);
    for (const line of lines) expect(line.values).toHaveLength(x.length);
  });
});
