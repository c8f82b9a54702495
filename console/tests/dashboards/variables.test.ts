// Values of variables in SQL cannot be anything else than values.
import { expect, test } from "vitest";
import {
  fill,
  fromSearch,
  toSearch,
  VariableError,
  variablesOf,
} from "@/pages/dashboards/variables";

test("inside of quotes a value is escaped", () => {
  const sql = "SELECT * FROM s WHERE a = '{{v}}' AND b = 1";
  expect(fill(sql, { v: "it's" })).toBe("SELECT * FROM s WHERE a = 'it\\'s' AND b = 1");
  expect(fill(sql, { v: "x' OR '1'='1" })).toBe(
    "SELECT * FROM s WHERE a = 'x\\' OR \\'1\\'=\\'1' AND b = 1",
  );
  expect(fill(sql, { v: "\\" })).toBe("SELECT * FROM s WHERE a = '\\\\' AND b = 1");
  expect(fill("SELECT `{{c}}` FROM s", { c: "a`b" })).toBe("SELECT `a\\`b` FROM s");
  expect(fill("a LIKE '%{{ v }}%'", { v: "x" })).toBe("a LIKE '%x%'");
});

test("outside of quotes only numbers, intervals and names", () => {
  const sql = "SELECT {{c}} FROM tumble(s, {{w}}) WHERE a > {{n}}";
  expect(fill(sql, { c: "temp", w: "250ms", n: "-1.5e3" })).toBe(
    "SELECT temp FROM tumble(s, 250ms) WHERE a > -1.5e3",
  );
  for (const bad of [
    "1; DROP STREAM s",
    "1 OR 1=1",
    "a b",
    "count()",
    "'x'",
    "--",
    "1 /*",
    "select",
    "x\n",
  ])
    expect(() => fill("a > {{n}}", { n: bad }), bad).toThrow(VariableError);
  expect(fill("a > {{n}}", { n: "interval 5 minute" })).toBe("a > interval 5 minute");
});

test("what the control offers is let through", () => {
  expect(fill("ORDER BY {{o}}", { o: "v DESC" }, { o: ["v ASC", "v DESC"] })).toBe(
    "ORDER BY v DESC",
  );
  expect(() => fill("ORDER BY {{o}}", { o: "v; x" }, { o: ["v DESC"] })).toThrow(/stands outside/);
});

test("quotes in comments and escaped quotes open nothing", () => {
  expect(() => fill("SELECT 1 -- it's\n, {{n}}", { n: "x'y" })).toThrow(VariableError);
  expect(fill("SELECT 'a\\'{{n}}'", { n: "x'y" })).toBe("SELECT 'a\\'x\\'y'");
  expect(fill("SELECT 1 /* {{n}} */", { n: "*/ DROP" })).toBe("SELECT 1 /*   DROP */");
  expect(fill("SELECT 1 -- {{n}}\n", { n: "a\nDROP" })).toBe("SELECT 1 -- a DROP\n");
  expect(fill("SELECT 'it''s {{n}}'", { n: "b" })).toBe("SELECT 'it''s b'");
});

test("several values become a list", () => {
  expect(fill("a IN ('{{h}}')", { h: ["x", "y'z"] })).toBe("a IN ('x', 'y\\'z')");
  expect(fill("a IN ({{h}})", { h: ["1", "2"] })).toBe("a IN (1, 2)");
});

test("a variable without a value is named", () => {
  expect(() => fill("a = '{{host}}'", {})).toThrow(/host has no value/);
  expect(() => fill("a IN ('{{host}}')", { host: [] })).toThrow(/host has no value/);
  expect(variablesOf("{{a}} {{ b }} {{a}}")).toEqual(["a", "b"]);
});

test("variables of an address", () => {
  expect(
    fromSearch({ "var.a": "x", "var.n": 5, "var.l": ["p", 1], range: "live", "var.b-d": "x" }),
  ).toEqual({
    a: "x",
    n: "5",
    l: ["p", "1"],
  });
  expect(toSearch({ a: "x" })).toEqual({ "var.a": "x" });
});
