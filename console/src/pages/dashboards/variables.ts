// Variables of a dashboard in its SQL: `{{name}}` becomes a value that cannot be anything else.

export type Values = Record<string, string | string[]>;

const PLACEHOLDER = /\{\{\s*([A-Za-z_]\w*)\s*\}\}/g;
const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;
const INTERVAL =
  /^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d|w|M|q|y)|interval\s+\d+\s+(?:nanosecond|microsecond|millisecond|second|minute|hour|day|week|month|quarter|year)s?)$/i;
const IDENTIFIER = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,2}$/;
// Names that as a bare word begin something else than the name of a column, stream or function.
const RESERVED = new Set(
  "select from where and or not in is null like between case when then else end union all join on group by order having limit emit settings with as distinct insert into drop create alter delete exists true false".split(
    " ",
  ),
);

/** A variable has no value, or one that must not stand where it is used. */
export class VariableError extends Error {
  constructor(
    message: string,
    readonly variable: string,
  ) {
    super(message);
  }
}

/** Names of the variables that a text uses, each once. */
export function variablesOf(sql: string): string[] {
  return [...new Set([...sql.matchAll(PLACEHOLDER)].map((found) => found[1]!))];
}

type Place = "'" | '"' | "`" | "line" | "block" | "";

/** For each placeholder: inside of which quotes or comment it stands. */
function places(sql: string): { at: number; end: number; name: string; place: Place }[] {
  const found: { at: number; end: number; name: string; place: Place }[] = [];
  let place: Place = "";
  for (let at = 0; at < sql.length; at += 1) {
    const hit = sql[at] === "{" && /^\{\{\s*([A-Za-z_]\w*)\s*\}\}/.exec(sql.slice(at, at + 100));
    if (hit) {
      found.push({ at, end: at + hit[0].length, name: hit[1]!, place });
      at += hit[0].length - 1;
      continue;
    }
    const two = sql.slice(at, at + 2);
    if (place === "") {
      if (sql[at] === "'" || sql[at] === '"' || sql[at] === "`") place = sql[at] as Place;
      else if (two === "--") place = "line";
      else if (two === "/*") place = "block";
    } else if (place === "line") {
      if (sql[at] === "\n") place = "";
    } else if (place === "block") {
      if (two === "*/") {
        place = "";
        at += 1;
      }
    } else if (sql[at] === "\\") at += 1;
    else if (sql[at] === place) place = "";
  }
  return found;
}

/** A value inside of quotes: the quote itself and backslashes escaped. */
export function escaped(value: string, quote: string): string {
  return value.replaceAll("\u0000", "").replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`);
}

function bare(value: string): boolean {
  if (NUMBER.test(value) || INTERVAL.test(value)) return true;
  return IDENTIFIER.test(value) && !RESERVED.has(value.toLowerCase());
}

function inserted(name: string, value: string, place: Place, allowed: string[]): string {
  if (place === "'" || place === '"' || place === "`") return escaped(value, place);
  if (place === "line" || place === "block") return value.replace(/[\r\n]|\*\//g, " ");
  if (allowed.includes(value) || bare(value)) return value;
  throw new VariableError(
    `The value of ${name} stands outside of quotes and is no number, interval or name: ${value}`,
    name,
  );
}

/** `sql` with its placeholders filled. `choices` are the values that the control of a variable
 * offers: those are let through as they are. Several values become a list. Raises VariableError. */
export function fill(sql: string, values: Values, choices: Record<string, string[]> = {}): string {
  let text = "";
  let from = 0;
  for (const { at, end, name, place } of places(sql)) {
    const value = values[name];
    if (value === undefined || value.length === 0)
      throw new VariableError(`The variable ${name} has no value.`, name);
    const all = Array.isArray(value) ? value : [value];
    const words = all.map((one) => inserted(name, one, place, choices[name] ?? []));
    const between = place === "'" || place === '"' || place === "`" ? `${place}, ${place}` : ", ";
    text += sql.slice(from, at) + words.join(between);
    from = end;
  }
  return text + sql.slice(from);
}

const PREFIX = "var.";

/** The variables of an address: `?var.host=a`; a list for one that is given several times. */
export function fromSearch(search: Record<string, unknown>): Values {
  const found: Values = {};
  for (const [key, value] of Object.entries(search)) {
    if (!key.startsWith(PREFIX) || !/^\w+$/.test(key.slice(PREFIX.length))) continue;
    const name = key.slice(PREFIX.length);
    if (Array.isArray(value)) found[name] = value.map(String);
    else if (["string", "number", "boolean"].includes(typeof value)) found[name] = String(value);
  }
  return found;
}

export function toSearch(values: Values): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [PREFIX + name, value]));
}
