// Conditions of alerts as SQL: names, texts and numbers are written so that they stay what they are.
import { expect, test } from "vitest";
import { fault, literal, quoted, statement, statements } from "@/pages/alerts/condition";

test("the name of a stream becomes a statement", () => {
  expect(statement(" iot ")).toBe("SELECT * FROM iot");
  expect(statement("SELECT a FROM b;")).toBe("SELECT a FROM b");
});

test("a condition over a stream is put behind it, one over a query around it", () => {
  const hot = { column: "temperature", operator: ">", value: " 30 " } as const;
  expect(statements("iot", hot, "float64")).toEqual([
    "SELECT * FROM iot WHERE temperature > 30",
    "SELECT * FROM iot WHERE NOT (temperature > 30)",
  ]);
  expect(
    statements(
      "SELECT avg(t) AS temperature FROM tumble(iot, 1m) GROUP BY window_end",
      hot,
      "float64",
    )[0],
  ).toBe(
    "SELECT * FROM (SELECT avg(t) AS temperature FROM tumble(iot, 1m) GROUP BY window_end) WHERE temperature > 30",
  );
});

test("texts and odd names cannot end where they should not", () => {
  expect(literal("it's \\ here")).toBe("'it''s \\\\ here'");
  expect(quoted("a b`c")).toBe("`a b\\`c`");
  const odd = { column: "place", operator: "=", value: "x' OR 1=1 --" } as const;
  expect(statements("iot", odd, "string")[0]).toBe(
    "SELECT * FROM iot WHERE place = 'x'' OR 1=1 --'",
  );
});

test("a number is needed for a number", () => {
  expect(fault("float64", "30")).toBe("");
  expect(fault("nullable(int32)", "1; drop stream iot")).toBe("A number is needed.");
  expect(fault("string", "anything")).toBe("");
});
