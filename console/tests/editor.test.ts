// The editor's logic: tokens, statements, completion, ranges, places of errors.
import { describe, expect, it } from "vitest";
import type { Catalog } from "@/editor/catalog";
import { complete } from "@/editor/completion";
import { locate } from "@/editor/diagnostics";
import { rangeOf, rangeText, withRange } from "@/editor/history";
import { nearest } from "@/editor/nearest";
import { scanAt, tokens } from "@/editor/scan";
import { sourcesOf } from "@/editor/scope";
import { effectOf, onlyReads, statementAt, statements } from "@/editor/statements";

const column = (name: string, type = "string") => ({ name, type, kind: "", comment: "" });

function object(name: string, columns: ReturnType<typeof column>[], kind = "stream") {
  return {
    name,
    kind,
    columns,
    description: "",
    event_time_column: "",
    mode: "append",
    primary_key: "",
    type: "",
  };
}

function builtIn(name: string, kind = "scalar", signature = `${name}(value)`) {
  return {
    name,
    kind,
    aliases: [],
    example: null,
    family: "",
    returns: "",
    signatures: [signature],
    summary: `About ${name}.`,
  };
}

function catalogOf(objects: ReturnType<typeof object>[]): Catalog {
  return {
    functions: [],
    objects,
    dialect: {
      functions: [
        builtIn("avg", "aggregate"),
        builtIn("text_length"),
        builtIn("from_unixtime"),
        builtIn("tumble", "window", "tumble(stream [, time], size)"),
        builtIn("hop", "window"),
        builtIn("table", "table"),
      ],
      interval_units: [],
      keywords: ["SELECT", "FROM", "WHERE", "TABLE", "EMIT", "THEN"],
      pseudo_columns: [],
      settings: [{ name: "seek_to", default: "latest", of: ["query"], summary: "where to begin" }],
      types: [{ name: "string", form: "string", aliases: [] }],
    },
  };
}

const iot = object("iot", [
  column("device"),
  column("temperature", "float64"),
  column("room temp", "float64"),
]);
const cars = object("cars", [column("speed", "float64"), column("test_id")]);
const seen = object("seen", [column("plate")], "view");
const catalog = catalogOf([cars, iot, seen]);

/** Labels at the bar. */
function at(text: string, asked = false): string[] {
  const place = text.indexOf("|");
  const found = complete(text.replace("|", ""), place, catalog, asked);
  return found?.options.map((one) => one.label) ?? [];
}

describe("tokens", () => {
  it("knows intervals, texts, names and comments", () => {
    const kinds = tokens("a 250ms 5s 5sx 'it''s' `x y` -- c\n/* d */ {{v}} 1.5e3::int", true)
      .filter((token) => token.kind !== "space")
      .map((token) => `${token.kind}:${token.text}`);
    expect(kinds).toEqual([
      "word:a",
      "interval:250ms",
      "interval:5s",
      "number:5",
      "word:sx",
      "string:'it''s'",
      "quoted:`x y`",
      "comment:-- c",
      "comment:/* d */",
      "variable:{{v}}",
      "number:1.5e3",
      "operator:::",
      "word:int",
    ]);
  });
  it("goes on inside of what began on an earlier line", () => {
    expect(scanAt("abc' d", 0, "'")).toEqual({ kind: "string", to: 4, inside: "" });
    expect(scanAt("abc", 0, "*")).toEqual({ kind: "comment", to: 3, inside: "*" });
  });
});

describe("statements", () => {
  it("are parted by semicolons outside of texts", () => {
    const text = "select ';' ; -- one; two\n\ninsert into a values (1);\n;";
    expect(statements(text).map((one) => one.text)).toEqual([
      "select ';'",
      "insert into a values (1)",
    ]);
  });
  it("finds the one at the cursor", () => {
    const text = "select 1;\nselect 2;  select 3";
    expect(statementAt(text, 4)?.text).toBe("select 1");
    expect(statementAt(text, 9)?.text).toBe("select 1");
    expect(statementAt(text, 12)?.text).toBe("select 2");
    expect(statementAt(text, 21)?.text).toBe("select 3");
    expect(statementAt("  ", 1)).toBeUndefined();
  });
  it("says what a statement makes", () => {
    expect(effectOf("create materialized view if not exists mv as select 1")).toEqual({
      verb: "CREATE",
      kind: "materialized view",
      name: "mv",
    });
    expect(effectOf("insert into db.`a b` (x) values (1)")).toMatchObject({
      verb: "INSERT",
      name: "a b",
    });
    expect(effectOf("drop stream s")).toMatchObject({ verb: "DROP", kind: "stream", name: "s" });
  });
  it("tells texts that only read", () => {
    expect(onlyReads("select 1; with a as (select 1) select * from a")).toBe(true);
    expect(onlyReads("select 1; drop stream a")).toBe(false);
    expect(onlyReads("with a as (select 1) insert into b select * from a")).toBe(false);
    expect(onlyReads("")).toBe(false);
  });
});

describe("sources", () => {
  it("are read out of windows, wrappers, joins and subqueries", () => {
    const sql =
      "select * from tumble(table(iot), 5s) as t join cars c on t.a = c.b, (select plate as p from seen) x";
    expect(sourcesOf(sql).map((one) => [one.name, one.alias, one.windowed])).toEqual([
      ["iot", "t", true],
      ["cars", "c", false],
      ["", "x", false],
      ["seen", "", false],
    ]);
  });
});

describe("completion", () => {
  it("offers columns of the stream in FROM first", () => {
    expect(at("select * FROM iot WHERE te|")[0]).toBe("temperature");
    expect(at("select te| from iot")[0]).toBe("temperature");
    expect(at("select avg(te|) from iot").slice(0, 2)).toEqual(["temperature", "text_length"]);
    expect(at("select te| from cars")[0]).toBe("test_id");
  });
  it("offers streams and window functions after FROM", () => {
    expect(at("select * from |", true)).toEqual(
      expect.arrayContaining(["iot", "cars", "seen", "tumble", "hop", "table"]),
    );
    expect(at("select * from tu|")[0]).toBe("tumble");
    expect(at("select * from tumble(i|")[0]).toBe("iot");
    expect(at("select * from i|")).not.toContain("temperature");
  });
  it("knows aliases, subqueries and WITH", () => {
    expect(at("select c.| from iot join cars as c")).toEqual(["speed", "test_id", "_tp_time"]);
    expect(
      at("with w as (select device as d, count() as n from iot) select | from w", true),
    ).toEqual(expect.arrayContaining(["d", "n"]));
    expect(at("select x.| from (select speed * 2 as twice from cars) as x")).toEqual(["twice"]);
  });
  it("has the bounds of windows", () => {
    expect(at("select window_| from tumble(iot, 5s)")).toEqual(["window_end", "window_start"]);
    expect(at("select window_| from iot")).toEqual([]);
  });
  it("stays inside of the inner select", () => {
    expect(at("select * from (select s| from cars) join iot")[0]).toBe("speed");
    expect(at("select * from (select dev| from cars) join iot")).toEqual([]);
  });
  it("lets a whole keyword be, and offers no column before FROM without one", () => {
    expect(at("select * from|")[0]).toBe("FROM");
    expect(at("sel|")).toEqual(["SELECT"]);
    expect(at("select 1; sel|")).toEqual(["SELECT"]);
  });
  it("is quiet in texts, comments, numbers and where a name is made", () => {
    expect(at("select 'te|' from iot")).toEqual([]);
    expect(at("select 1 -- te|")).toEqual([]);
    expect(at("select 5|")).toEqual([]);
    expect(at("select device as te| from iot")).toEqual([]);
  });
  it("writes odd names in backticks", () => {
    const found = complete("select room from iot", 11, catalog);
    expect(found?.options[0]).toMatchObject({ label: "room temp", insert: "`room temp`" });
  });
  it("offers settings and types at their places", () => {
    expect(at("select 1 settings s|")).toEqual(["seek_to"]);
    expect(at("select a::st| from iot")).toEqual(["string"]);
    expect(at("select cast(a as st|")).toEqual(["string"]);
  });
  it("is quick with 300 streams of 20 columns", () => {
    const many = catalogOf(
      Array.from({ length: 300 }, (_, n) =>
        object(
          `stream_${n}`,
          Array.from({ length: 20 }, (_, m) => column(`temperature_${m}`)),
        ),
      ),
    );
    const text = "select * from stream_7 where te";
    complete(text, text.length, many);
    const since = performance.now();
    for (let n = 0; n < 100; n += 1) complete(text, text.length, many);
    expect((performance.now() - since) / 100).toBeLessThan(10);
    expect(complete(text, text.length, many)?.options[0]?.label).toBe("temperature_0");
    expect(complete("select * from stream_29", 23, many)?.options.length).toBeGreaterThan(5);
  });
});

describe("ranges", () => {
  it("are read and written", () => {
    for (const text of [
      "",
      "live-15m",
      "now-1h",
      "2026-01-01T00:00:00.000Z..2026-01-02T00:00:00.000Z",
    ])
      expect(rangeText(rangeOf(text)!)).toBe(text);
    expect(rangeOf("now-15m..now")).toEqual(rangeOf("now-15m"));
    for (const text of ["now", "now-", "now-0m", "yesterday", "2026-01-02..2026-01-01", "now-5x"])
      expect(rangeOf(text)).toBeNull();
  });
  it("put the past in place of the streams", () => {
    expect(withRange("select * from tumble(iot, 5s)", rangeOf("now-15m")!, catalog)).toBe(
      "WITH iot AS (SELECT * FROM table(iot) WHERE _tp_time >= now64(3, 'UTC') - 15m)\nselect * from tumble(iot, 5s)",
    );
    expect(
      withRange(
        "with a as (select * from iot) select * from a join seen",
        rangeOf("now-1h")!,
        catalog,
      ),
    ).toBe(
      "with iot AS (SELECT * FROM table(iot) WHERE _tp_time >= now64(3, 'UTC') - 1h), seen AS (SELECT * FROM table(seen)), a as (select * from iot) select * from a join seen",
    );
    expect(withRange("show streams", rangeOf("now-1h")!, catalog)).toBe("show streams");
    expect(withRange("select 1", rangeOf("now-1h")!, catalog)).toBe("select 1");
  });
  it("rewind a live query", () => {
    expect(withRange("select * from iot", rangeOf("live-5m")!, catalog)).toBe(
      "select * from iot\nSETTINGS seek_to = '-5m'",
    );
    expect(withRange("select * from iot settings a = 1", rangeOf("live-5m")!, catalog)).toBe(
      "select * from iot settings a = 1, seek_to = '-5m'",
    );
  });
});

describe("errors", () => {
  const place = (sql: string, problem: Omit<Parameters<typeof locate>[3], "message">) => {
    const text = `select 1;\n${sql}`;
    const found = locate(text, 10, sql, { message: "no", ...problem }, catalog);
    const mended = found.fixes.map(
      (fix) => text.slice(10, fix.from) + fix.insert + text.slice(fix.to),
    );
    return { marked: text.slice(found.from, found.to), mended };
  };
  it("are marked at their word, with the nearest name", () => {
    expect(
      place("select temprature from iot", {
        code: 47,
        line: 1,
        column: 8,
        replacement: "temperature",
      }),
    ).toEqual({ marked: "temprature", mended: ["select temperature from iot"] });
    expect(place("select *\nfrom iott", { code: 60, line: 2, column: 6 })).toEqual({
      marked: "iott",
      mended: ["select *\nfrom iot"],
    });
  });
  it("offer quotes and GROUP BY", () => {
    expect(
      place("select 1 from iot where device = kitchen", { code: 47, line: 1, column: 34 }).mended,
    ).toEqual(["select 1 from iot where device = 'kitchen'"]);
    expect(
      place("select device, count() from iot emit periodic 1s", { code: 215, line: 1, column: 8 })
        .mended,
    ).toEqual(["select device, count() from iot GROUP BY device emit periodic 1s"]);
    expect(
      place("select device, x, count() from iot group by x", { code: 215, line: 1, column: 8 })
        .mended,
    ).toEqual(["select device, x, count() from iot group by device, x"]);
  });
  it("at the end are marked at the last word", () => {
    expect(place("select device from iot group by", { code: 62, line: 1, column: 32 }).marked).toBe(
      "by",
    );
    expect(place("select 1", { code: 1 }).marked).toBe("select 1");
  });
  it("count characters, not code units", () => {
    expect(place("select '😀', nope from iot", { code: 47, line: 1, column: 13 }).marked).toBe(
      "nope",
    );
  });
  it("guess no name that is far", () => {
    expect(nearest("temprature", ["humidity", "temperature"])).toBe("temperature");
    expect(nearest("x", ["humidity"])).toBeUndefined();
  });
});
