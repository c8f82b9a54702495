// A function as it is typed: from the API's form and back; and the statement that tries it.
import type { Udf, UdfBody } from "./calls";

export interface Draft {
  name: string;
  type: string;
  aggregate: boolean;
  args: { name: string; type: string }[];
  returns: string;
  source: string;
  url: string;
  auth: string;
  authHeader: string;
  authKey: string;
  description: string;
}

// The server's mask of a stored secret; sent back it means: unchanged.
const MASK = "******";

const SOURCES: Record<string, string> = {
  javascript: "function NAME(values) {\n  return values.map(value => value.toUpperCase());\n}",
  python: "def NAME(values):\n    return [value.upper() for value in values]",
  sql: "upper(value)",
};

const AGGREGATES: Record<string, string> = {
  javascript: `{
  initialize() { this.all = []; },
  process(values) { this.all.push(...values); },
  finalize() { return this.all.join(", "); },
  serialize() { return JSON.stringify(this.all); },
  deserialize(text) { this.all = JSON.parse(text); }
}`,
  python: `import json

class NAME:
    def __init__(self):
        self.all = []

    def process(self, values):
        self.all += values

    def finalize(self):
        return ", ".join(self.all)

    def serialize(self):
        return json.dumps(self.all)

    def deserialize(self, text):
        self.all = json.loads(text)`,
};

export const EMPTY: Draft = {
  name: "",
  type: "javascript",
  aggregate: false,
  args: [{ name: "value", type: "string" }],
  returns: "string",
  source: "",
  url: "",
  auth: "none",
  authHeader: "",
  authKey: "",
  description: "",
};

/** What a new function of a kind begins with. */
export const sample = ({ type, name, aggregate }: Pick<Draft, "type" | "name" | "aggregate">) =>
  ((aggregate && AGGREGATES[type]) || SOURCES[type] || "").replace("NAME", name || "f");

export function draftOf(udf: Udf): Draft {
  return {
    name: udf.name,
    type: udf.type,
    aggregate: udf.is_aggregation,
    args: udf.arguments,
    returns: udf.return_type,
    source: udf.source,
    url: udf.url ?? "",
    auth: udf.auth_method ?? "none",
    authHeader: udf.auth_context?.key_name ?? "",
    authKey: udf.auth_context ? MASK : "",
    description: udf.description,
  };
}

export function bodyOf(draft: Draft): UdfBody {
  const { name, type, aggregate, source, url, description } = draft;
  const args = draft.args.filter((arg) => arg.name.trim());
  const common = { name, type, description };
  if (type === "sql")
    return { ...common, source, arguments: args.map((arg) => ({ name: arg.name })) };
  const typed = { ...common, arguments: args, return_type: draft.returns };
  if (type !== "remote") return { ...typed, source, is_aggregation: aggregate };
  return {
    ...typed,
    url,
    auth_method: draft.auth,
    ...(draft.auth === "auth_header" && {
      auth_context: { key_name: draft.authHeader, key_value: draft.authKey },
    }),
  };
}

const SAMPLES: [RegExp, string][] = [
  [/^array/, "['a', 'b']"],
  [/^(u?int)/, "1"],
  [/^(float|decimal)/, "1.5"],
  [/^bool/, "true"],
  [/^date(32)?$/, "to_date('2026-01-01')"],
  [/^datetime/, "to_datetime('2026-01-01 10:00:00')"],
];

/** A value as SQL to begin with. */
export function sampleValue(type: string, aggregate: boolean): string {
  const plain = type.toLowerCase().replace(/^nullable\((.*)\)$/, "$1");
  const one = SAMPLES.find(([pattern]) => pattern.test(plain))?.[1] ?? "'text'";
  return aggregate ? `[${one}, ${one}]` : one;
}

/** The statement that calls a function with these values. */
export function testSql(name: string, values: string[], aggregate: boolean): string {
  if (!aggregate) return `SELECT ${name}(${values.join(", ")}) AS result`;
  const columns = values.map((_, n) => `arg_${n + 1}`);
  const from = values.map((value, n) => `${value} AS arg_${n + 1}`).join(", ");
  return `SELECT ${name}(${columns.join(", ")}) AS result FROM (SELECT ${from}) ARRAY JOIN ${columns.join(", ")}`;
}
