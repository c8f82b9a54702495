// What the names of a statement can mean at a place: the sources in FROM and JOIN, and the clause.
import { isName, isWord, nameOf, type Token, tokens } from "./scan";

/** A source of the statement: a stream or view by name, or rows whose columns stand in the text. */
export interface Source {
  name: string;
  alias: string;
  /** Number of the select that it belongs to; -1 for those of WITH, which all may use. */
  select: number;
  /** In tumble, hop or session: window_start and window_end are there. */
  windowed: boolean;
  /** Columns that the text itself gives: of a subquery or a WITH. */
  columns?: string[];
  from: number;
  to: number;
}

export type Clause = "source" | "dotted" | "type" | "setting" | "none" | "any";

export interface Scope {
  sources: Source[];
  /** Names that WITH defines. */
  defined: Source[];
  clause: Clause;
  /** Before a dot: `a.` */
  owner: string;
  /** Numbers of the selects around the place, the innermost first. */
  selects: number[];
}

const WINDOWS = ["TUMBLE", "HOP", "SESSION"];
const WRAPPERS = [...WINDOWS, "TABLE", "DEDUP", "CHANGELOG", "ROWIFY"];
const AFTER_SOURCES = new Set(
  "WHERE PREWHERE GROUP ORDER HAVING LIMIT OFFSET SETTINGS EMIT UNION PARTITION WINDOW SAMPLE QUALIFY INTERSECT EXCEPT SHUFFLE FORMAT".split(
    " ",
  ),
);
const NO_ALIAS = new Set([
  ...AFTER_SOURCES,
  ..."ON USING JOIN LEFT RIGHT FULL INNER CROSS ASOF ANY ALL GLOBAL SEMI ANTI LATEST FINAL SELECT FROM AS AND OR SET VALUES INTO".split(
    " ",
  ),
]);
const BEFORE_SOURCE = ["FROM", "JOIN", "INTO", "DESCRIBE", "DESC", "TRUNCATE", "STREAM", "VIEW"];

interface Open {
  select: number;
  /** FROM is being read here: a comma brings another source. */
  inFrom: boolean;
  /** The parenthesis of tumble( and the like: its first name is a source of the outer select. */
  wrapper: string;
}

export function scopeAt(sql: string, at: number): Scope {
  const list = tokens(sql);
  const found = readSources(list);
  const before = list.filter((token) => token.to < at || (token.to === at && !isName(token)));
  return {
    ...found,
    // Not the subquery that the place itself is in.
    sources: found.sources.filter((one) => at <= one.from || at >= one.to),
    ...clauseAt(before),
    selects: around(list, found.selectOf, at),
  };
}

/** All names in FROM and JOIN, wherever they stand. */
export function sourcesOf(sql: string): Source[] {
  return readSources(tokens(sql)).sources;
}

/** Names that WITH defines in the statement. */
export function definedIn(sql: string): string[] {
  return readSources(tokens(sql)).defined.map((one) => one.name);
}

interface Found {
  sources: Source[];
  defined: Source[];
  /** Number of the select that begins at this token's index in the list. */
  selectOf: Map<number, number>;
}

function readSources(list: Token[]): Found {
  const sources: Source[] = [];
  const defined: Source[] = [];
  const selectOf = new Map<number, number>();
  let selects = 0;
  const stack: Open[] = [{ select: 0, inFrom: false, wrapper: "" }];
  for (let n = 0; n < list.length; n += 1) {
    const token = list[n]!;
    const here = stack.at(-1)!;
    if (token.text === "(") {
      const inner = isWord(list[n + 1], "SELECT", "WITH");
      const wrapper = WRAPPERS.find((one) => isWord(list[n - 1], one)) ?? "";
      if (inner) selects += 1;
      const select = inner ? selects : here.select;
      if (inner) selectOf.set(n, select);
      if (inner && isWord(list[n - 1], "AS") && isName(list[n - 2])) {
        const end = closing(list, n);
        const name = nameOf(list[n - 2]!);
        const columns = columnsOf(list.slice(n + 1, end));
        const place = { from: list[n - 2]!.from, to: list[n - 2]!.to };
        defined.push({ name, alias: "", select: -1, windowed: false, columns, ...place });
      } else if (inner && (here.inFrom || here.wrapper)) {
        const end = closing(list, n);
        const columns = columnsOf(list.slice(n + 1, end));
        const alias = aliasAfter(list, end + 1);
        const place = { from: token.from, to: list[end]?.to ?? token.to };
        sources.push({ name: "", alias, select: here.select, windowed: false, columns, ...place });
      }
      stack.push({ select, inFrom: false, wrapper: inner ? "" : wrapper });
    } else if (token.text === ")") {
      if (stack.length > 1) stack.pop();
    } else if (token.text === ";") {
      stack.splice(1);
      here.inFrom = false;
    } else if (isWord(token, "FROM", "JOIN")) here.inFrom = true;
    else if (token.kind === "word" && AFTER_SOURCES.has(token.text.toUpperCase()))
      here.inFrom = false;
    else if (isName(token) && isSource(list, n, here)) {
      const source = readSource(list, n, stack);
      sources.push(source);
      while (list[n + 1]?.text === "." && isName(list[n + 2])) n += 2;
    }
  }
  return { sources, defined, selectOf };
}

/** Whether the name at `n` names a stream or view. */
function isSource(list: Token[], n: number, here: Open): boolean {
  const last = list[n - 1];
  if (list[n + 1]?.text === "(") return false;
  if (here.wrapper) return last?.text === "(";
  if (isWord(last, "FROM", "JOIN")) return !isWord(list[n], "TABLE", ...WINDOWS);
  return here.inFrom && last?.text === ",";
}

function readSource(list: Token[], at: number, stack: Open[]): Source {
  let n = at;
  while (list[n + 1]?.text === "." && isName(list[n + 2])) n += 2;
  const name = nameOf(list[n]!);
  const here = stack.at(-1)!;
  let end = n;
  // tumble(table(iot), 5s) as t: the alias stands behind the outermost wrapper.
  for (let depth = stack.length - 1; depth > 0 && stack[depth]!.wrapper; depth -= 1)
    end = closingFrom(list, end + 1);
  const windowed = stack.some((one) => WINDOWS.includes(one.wrapper) && one.select === here.select);
  return {
    name,
    alias: aliasAfter(list, end + 1),
    select: here.select,
    windowed,
    from: list[at]!.from,
    to: list[n]!.to,
  };
}

function aliasAfter(list: Token[], n: number): string {
  const at = isWord(list[n], "AS") ? n + 1 : n;
  const token = list[at];
  if (!isName(token)) return "";
  if (token.kind === "word" && NO_ALIAS.has(token.text.toUpperCase())) return "";
  return nameOf(token);
}

/** Index of the parenthesis that closes the one at `n`; of the last token where none does. */
function closing(list: Token[], n: number): number {
  return closingFrom(list, n + 1);
}

function closingFrom(list: Token[], from: number): number {
  let depth = 1;
  for (let n = from; n < list.length; n += 1) {
    if (list[n]!.text === "(") depth += 1;
    else if (list[n]!.text === ")" && --depth === 0) return n;
  }
  return list.length - 1;
}

/** Names that the select list of `list` gives to its columns; what has none is left out. */
function columnsOf(list: Token[]): string[] {
  const names: string[] = [];
  const start = list.findIndex((token) => isWord(token, "SELECT"));
  let depth = 0;
  let last: Token | null = null;
  for (const token of list.slice(start + 1)) {
    if (token.text === "(") depth += 1;
    else if (token.text === ")") depth -= 1;
    if (depth > 0) {
      last = null;
      continue;
    }
    const ends = token.text === "," || isWord(token, "FROM");
    if (ends && last && isName(last)) names.push(nameOf(last));
    if (isWord(token, "FROM")) return names;
    last = token.text === ")" ? null : token;
  }
  if (last && isName(last)) names.push(nameOf(last));
  return names;
}

function around(list: Token[], selectOf: Map<number, number>, at: number): number[] {
  const open: number[] = [];
  for (const [n, token] of list.entries()) {
    if (token.from >= at) break;
    if (token.text === "(") open.push(selectOf.get(n) ?? -1);
    else if (token.text === ")") open.pop();
  }
  return [...open.filter((one) => one >= 0).reverse(), 0];
}

function clauseAt(before: Token[]): { clause: Clause; owner: string } {
  const last = before.at(-1);
  const said = (clause: Clause, owner = "") => ({ clause, owner });
  if (!last) return said("any");
  if (last.text === "." && isName(before.at(-2))) return said("dotted", nameOf(before.at(-2)!));
  if (last.text === "::") return said("type");
  if (last.kind === "number" || last.kind === "string") return said("any");
  if (isWord(last, ...BEFORE_SOURCE)) return said("source");
  if (last.text === "(" && WRAPPERS.some((one) => isWord(before.at(-2), one)))
    return said("source");
  if (isWord(last, "AS") && !openCast(before)) return said("none");
  if (isWord(last, "AS")) return said("type");
  if (isWord(last, "SETTINGS")) return said("setting");
  if (last.text === ",") {
    const clause = [...before]
      .reverse()
      .find((t) => isWord(t, "SETTINGS", "FROM", ...AFTER_SOURCES));
    if (isWord(clause, "SETTINGS")) return said("setting");
  }
  return said("any");
}

/** Whether AS stands in a cast, before a type. */
function openCast(before: Token[]): boolean {
  let depth = 0;
  for (let n = before.length - 1; n > 0; n -= 1) {
    if (before[n]!.text === ")") depth += 1;
    else if (before[n]!.text === "(") {
      if (depth === 0) return isWord(before[n - 1], "CAST", "TRY_CAST");
      depth -= 1;
    }
  }
  return false;
}
