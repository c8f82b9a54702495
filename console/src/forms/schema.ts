// What a JSON Schema of a connector says about a form: its fields, their kinds, their rules.
import { forms } from "@/text/forms";

export interface Schema {
  title?: string;
  description?: string;
  type?: string;
  format?: string;
  enum?: string[];
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  required?: string[];
}

export type Values = Record<string, unknown>;
export type Kind =
  | "text"
  | "area"
  | "secret"
  | "choice"
  | "number"
  | "switch"
  | "group"
  | "pairs"
  | "list";

export interface Field {
  name: string;
  /** Dotted from the outermost object. */
  path: string;
  title: string;
  hint: string;
  kind: Kind;
  required: boolean;
  schema: Schema;
}

// The server's mask of a stored secret; sent back it means: unchanged.
export const MASK = "******";
// Texts that may be as long as this are written in several lines.
const AREA_LENGTH = 10_000;

function plain(schema: Schema): Schema {
  const other = schema.anyOf?.find((one) => one.type !== "null");
  return other ? { ...schema, ...other, anyOf: undefined } : schema;
}

function kindOf(schema: Schema): Kind {
  if (schema.enum) return "choice";
  if (schema.format === "password") return "secret";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.properties) return "group";
  if (schema.type === "object") return "pairs";
  if (schema.type === "array") return "list";
  return (schema.maxLength ?? 0) >= AREA_LENGTH || schema.format === "textarea" ? "area" : "text";
}

/** The fields of an object's schema, in its order. */
export function fieldsOf(schema: Schema, parent = ""): Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, given]) => {
    const own = plain(given);
    return {
      name,
      path: parent ? `${parent}.${name}` : name,
      title: given.title ?? name,
      hint: given.description ?? "",
      kind: kindOf(own),
      required: schema.required?.includes(name) ?? false,
      schema: { ...own, default: given.default },
    };
  });
}

/** The value at a dotted path. */
export function valueAt(values: Values, path: string): unknown {
  return path.split(".").reduce<unknown>((at, name) => (at as Values | undefined)?.[name], values);
}

/** A copy with another value at a dotted path; undefined takes it away. */
export function withValue(values: Values, path: string, value: unknown): Values {
  const [name = "", ...rest] = path.split(".");
  const copy = { ...values };
  const next = rest.length
    ? withValue((copy[name] as Values | undefined) ?? {}, rest.join("."), value)
    : value;
  const empty = rest.length > 0 && Object.keys(next as Values).length === 0;
  if (next === undefined || empty) delete copy[name];
  else copy[name] = next;
  return copy;
}

function faultOf(field: Field, value: unknown): string {
  const missing = value === undefined || value === "" || value === null;
  if (missing) return field.required && field.schema.default === undefined ? forms.required : "";
  if (field.kind !== "number") return "";
  const { minimum, maximum, type } = field.schema;
  if (typeof value !== "number" || Number.isNaN(value)) return forms.number;
  if (type === "integer" && !Number.isInteger(value)) return forms.number;
  if (minimum !== undefined && value < minimum) return forms.min(minimum);
  if (maximum !== undefined && value > maximum) return forms.max(maximum);
  return "";
}

/** What is wrong, by dotted path; empty when the form can be sent. */
export function faults(schema: Schema, values: Values, parent = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of fieldsOf(schema, parent)) {
    const value = valueAt(values, field.path);
    if (field.kind === "group") {
      Object.assign(found, faults(field.schema, values, field.path));
      continue;
    }
    const fault = faultOf(field, value);
    if (fault) found[field.path] = fault;
  }
  return found;
}

/** A list, which the API takes as one text with commas too. */
export function linesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" && value ? value.split(",").map((one) => one.trim()) : [];
}

// Of a URL with a user's name and password.
const IN_URL = /(:\/\/[^:/@\s]*):[^@/\s]+@/g;
const SECRET_HEADER = /auth|cookie|key|password|secret|token/i;

function cleaned(value: unknown): unknown {
  if (typeof value === "string") return value.replace(IN_URL, "$1@");
  return Array.isArray(value) ? value.map(cleaned) : value;
}

/** The values without secrets: what may be kept in the browser while a form is half filled.
 * Passwords in addresses and headers that sign in are secrets too. */
export function withoutSecrets(values: Values, secrets: string[]): Values {
  const known = secrets.reduce((left, path) => withValue(left, path, undefined), values);
  const kept = Object.fromEntries(Object.entries(known).map(([k, v]) => [k, cleaned(v)]));
  const headers = Object.entries((kept.headers as Record<string, string> | undefined) ?? {});
  const open = headers.filter(([name]) => !SECRET_HEADER.test(name));
  if (open.length < headers.length) kept.headers = Object.fromEntries(open);
  return kept;
}

/** A message with the titles of the settings that it names by their dotted paths. */
export function titled(message: string, schema: Schema): string {
  const inner = fieldsOf(schema)
    .filter((field) => field.kind === "group")
    .flatMap((group) =>
      fieldsOf(group.schema, group.path).map((field): [string, string] => [
        field.path,
        `“${group.title}: ${field.title}”`,
      ]),
    );
  return inner.reduce((text, [path, title]) => text.replaceAll(path, title), message);
}

/** A field that the connector needs or that has no default stands above the others. */
export function isMain(field: Field): boolean {
  return field.required || (field.schema.default === undefined && field.kind !== "group");
}
