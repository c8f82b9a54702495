// A condition over the columns of a query as SQL: what triggers, and what resolves again.
export type Operator = ">" | ">=" | "<" | "<=" | "=" | "!=" | "contains";

export const OPERATORS: Operator[] = [">", ">=", "<", "<=", "=", "!=", "contains"];

export interface Condition {
  column: string;
  operator: Operator;
  value: string;
}

const NUMERIC = /^(u?int|float|double|decimal)/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const BARE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const isNumeric = (type: string): boolean => NUMERIC.test(type.replace(/^nullable\(/, ""));

/** A name as SQL writes it. */
export const quoted = (name: string): string =>
  BARE.test(name) ? name : `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;

/** A text as SQL writes it. */
export const literal = (text: string): string =>
  `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

/** What is wrong with the value for a column of that type, "" if nothing. */
export function fault(type: string, value: string): string {
  return isNumeric(type) && !NUMBER.test(value.trim()) ? "A number is needed." : "";
}

function predicate({ column, operator, value }: Condition, type: string): string {
  const name = quoted(column);
  if (operator === "contains") return `position(${name}, ${literal(value)}) > 0`;
  if (type === "bool") return `${name} ${operator} ${value.trim().toLowerCase() === "true"}`;
  return `${name} ${operator} ${isNumeric(type) ? value.trim() : literal(value)}`;
}

/** The statement without a semicolon at its end; the name of a stream becomes a statement. */
export function statement(base: string): string {
  const text = base.trim().replace(/;+\s*$/, "");
  return /^[\w.`]+$/.test(text) ? `SELECT * FROM ${text}` : text;
}

/** Trigger and resolve statements of a condition over what `base` gives. */
export function statements(base: string, condition: Condition, type: string): [string, string] {
  const inner = statement(base);
  const simple = /^SELECT \* FROM [\w.`]+$/i.exec(inner);
  const from = simple ? inner : `SELECT * FROM (${inner})`;
  const test = predicate(condition, type);
  return [`${from} WHERE ${test}`, `${from} WHERE NOT (${test})`];
}
