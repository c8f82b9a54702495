// Forms from JSON Schemas: kinds of fields, values by path, what is wrong.
import { describe, expect, test } from "vitest";
import {
  faults,
  fieldsOf,
  isMain,
  type Schema,
  valueAt,
  withoutSecrets,
  withValue,
} from "@/forms/schema";

const SCHEMA: Schema = {
  properties: {
    url: { title: "URL", type: "string" },
    retries: {
      anyOf: [{ type: "integer", minimum: -1, maximum: 9 }, { type: "null" }],
      default: null,
    },
    headers: { type: "object", additionalProperties: { type: "string" }, default: {} },
    scopes: { type: "array", items: { type: "string" }, default: [] },
    mode: { enum: ["a", "b"], default: "a" },
    text: { type: "string", maxLength: 262144, default: "" },
    oauth: {
      type: "object",
      properties: {
        on: { type: "boolean", default: false },
        secret: { type: "string", format: "password", default: "" },
      },
      required: [],
    },
  },
  required: ["url"],
};

describe("fields", () => {
  test("have the kind that their schema says", () => {
    const kinds = Object.fromEntries(fieldsOf(SCHEMA).map((f) => [f.name, f.kind]));
    expect(kinds).toEqual({
      url: "text",
      retries: "number",
      headers: "pairs",
      scopes: "list",
      mode: "choice",
      text: "area",
      oauth: "group",
    });
    expect(fieldsOf(SCHEMA.properties!.oauth!, "oauth").map((f) => f.path)).toEqual([
      "oauth.on",
      "oauth.secret",
    ]);
  });

  test("that are needed stand first", () => {
    expect(
      fieldsOf(SCHEMA)
        .filter(isMain)
        .map((f) => f.name),
    ).toEqual(["url"]);
  });
});

test("a value is set and taken away by its path, and empty objects go with it", () => {
  const once = withValue({}, "oauth.secret", "s");
  expect(once).toEqual({ oauth: { secret: "s" } });
  expect(valueAt(once, "oauth.secret")).toBe("s");
  expect(withValue(once, "oauth.secret", undefined)).toEqual({});
});

test("faults are told by path", () => {
  expect(faults(SCHEMA, {})).toEqual({ url: "This is needed." });
  expect(faults(SCHEMA, { url: "u", retries: 1.5 })).toEqual({
    retries: "A whole number is needed.",
  });
  expect(faults(SCHEMA, { url: "u", retries: -2 })).toEqual({ retries: "At least -1." });
  expect(faults(SCHEMA, { url: "u", retries: 10 })).toEqual({ retries: "At most 9." });
  expect(faults(SCHEMA, { url: "u", retries: 3, oauth: { on: true } })).toEqual({});
});

test("secrets are left out of what the browser keeps", () => {
  const values = { url: "u", oauth: { on: true, secret: "s" } };
  expect(withoutSecrets(values, ["oauth.secret"])).toEqual({ url: "u", oauth: { on: true } });
});
