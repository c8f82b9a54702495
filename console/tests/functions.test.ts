// Functions: what the form sends, and the statement of the test box.
import { describe, expect, it } from "vitest";
import { bodyOf, draftOf, EMPTY, sampleValue, testSql } from "@/pages/functions/draft";

describe("a function's form", () => {
  it("sends what its kind has", () => {
    const draft = {
      ...EMPTY,
      name: "f",
      source: "x",
      args: [...EMPTY.args, { name: " ", type: "" }],
    };
    expect(bodyOf(draft)).toEqual({
      name: "f",
      type: "javascript",
      description: "",
      arguments: [{ name: "value", type: "string" }],
      return_type: "string",
      source: "x",
      is_aggregation: false,
    });
    expect(bodyOf({ ...draft, type: "sql" }).arguments).toEqual([{ name: "value" }]);
    const remote = { ...draft, type: "remote", url: "https://h", auth: "auth_header" };
    expect(bodyOf({ ...remote, authHeader: "X", authKey: "k" })).toMatchObject({
      url: "https://h",
      auth_context: { key_name: "X", key_value: "k" },
    });
    expect(bodyOf(remote)).not.toHaveProperty("source");
  });
  it("sends a masked secret back as it is", () => {
    const udf = {
      name: "f",
      type: "remote",
      arguments: [],
      return_type: "string",
      source: "",
      url: "https://h",
      auth_method: "auth_header",
      auth_context: { key_name: "X", key_value: "******" },
      is_aggregation: false,
      description: "",
    } as unknown as Parameters<typeof draftOf>[0];
    expect(bodyOf(draftOf(udf)).auth_context).toEqual({ key_name: "X", key_value: "******" });
  });
});

describe("the test box", () => {
  it("calls a function with values, an aggregate over rows", () => {
    expect(testSql("f", ["1", "'a'"], false)).toBe("SELECT f(1, 'a') AS result");
    expect(testSql("g", ["[1, 2]"], true)).toBe(
      "SELECT g(arg_1) AS result FROM (SELECT [1, 2] AS arg_1) ARRAY JOIN arg_1",
    );
    expect(sampleValue("nullable(float64)", false)).toBe("1.5");
    expect(sampleValue("uint8", true)).toBe("[1, 1]");
  });
});
