// Where an error of the server stands in the text, and what would mend it.
import type { Catalog } from "./catalog";
import { nearest } from "./nearest";
import { isName, nameOf, scanAt, type Token, tokens, written } from "./scan";
import { scopeAt } from "./scope";

/** An error as the server says it; line and column count from 1 within the statement. */
export interface Problem {
  message: string;
  code: number;
  line?: number;
  column?: number;
  hint?: string;
  replacement?: string;
}

export interface Fix {
  label: string;
  /** Changes of the whole text. */
  from: number;
  to: number;
  insert: string;
}

export interface Finding {
  from: number;
  to: number;
  message: string;
  fixes: Fix[];
}

const UNKNOWN_COLUMN = 47;
const UNKNOWN_FUNCTION = 46;
const UNKNOWN_STREAM = 60;
const NOT_GROUPED = 215;

/** The problem of the statement that stands at `start` of `text`, at its place there. */
export function locate(
  text: string,
  start: number,
  sql: string,
  problem: Problem,
  catalog: Catalog | undefined,
): Finding {
  const at = offset(sql, problem.line, problem.column);
  if (at === null)
    return { from: start, to: start + sql.length, message: problem.message, fixes: [] };
  const piece = at < sql.length ? scanAt(sql, at) : null;
  // What is missing at the end is shown at the last thing that is there.
  const list = tokens(sql);
  const token =
    piece && piece.kind !== "space"
      ? { kind: piece.kind, from: at, to: piece.to, text: sql.slice(at, piece.to) }
      : (list.filter((one) => one.to <= at).at(-1) ?? list[0]);
  if (!token) return { from: start, to: start, message: problem.message, fixes: [] };
  const found = fixes(sql, list, token, problem, catalog).map((fix) => ({
    ...fix,
    from: fix.from + start,
    to: fix.to + start,
  }));
  const end = Math.min(text.length, start + token.to);
  return { from: start + token.from, to: end, message: problem.message, fixes: found };
}

function offset(sql: string, line?: number, column?: number): number | null {
  if (!line || !column) return null;
  let at = 0;
  for (let n = 1; n < line; n += 1) {
    const end = sql.indexOf("\n", at);
    if (end < 0) return sql.length;
    at = end + 1;
  }
  // The server counts characters, a text of the browser UTF-16 units.
  let left = column - 1;
  while (left > 0 && at < sql.length) {
    at += (sql.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    left -= 1;
  }
  return at;
}

function fixes(
  sql: string,
  list: Token[],
  token: Token,
  problem: Problem,
  catalog: Catalog | undefined,
): Fix[] {
  if (!isName(token)) return [];
  const name = nameOf(token);
  const instead = (insert: string): Fix => ({
    label: `Change to ${insert}`,
    from: token.from,
    to: token.to,
    insert,
  });
  const found: Fix[] = [];
  const likely = problem.replacement ?? guess(sql, token, problem.code, catalog);
  if (likely) found.push(instead(problem.replacement ? likely : written(likely)));
  if (problem.code === UNKNOWN_COLUMN && comparedTo(list, token))
    found.push({ ...instead(`'${name.replaceAll("'", "''")}'`), label: `Put '${name}' in quotes` });
  if (problem.code === NOT_GROUPED) found.push(grouped(list, name));
  return found;
}

function guess(
  sql: string,
  token: Token,
  code: number,
  catalog: Catalog | undefined,
): string | undefined {
  const word = nameOf(token);
  if (!catalog) return undefined;
  if (code === UNKNOWN_STREAM)
    return nearest(
      word,
      catalog.objects.map((one) => one.name),
    );
  if (code === UNKNOWN_FUNCTION)
    return nearest(
      word,
      [...catalog.functions, ...(catalog.dialect?.functions ?? [])].map((one) => one.name),
    );
  if (code !== UNKNOWN_COLUMN) return undefined;
  const names = new Set(scopeAt(sql, token.from).sources.map((one) => one.name));
  const columns = catalog.objects
    .filter((one) => names.has(one.name))
    .flatMap((one) => one.columns.map((column) => column.name));
  return nearest(word, columns);
}

/** Whether the name stands at the right of a comparison, where a text was meant. */
function comparedTo(list: Token[], token: Token): boolean {
  const n = list.findIndex((one) => one.from === token.from);
  return /^(=|==|!=|<>|LIKE|ILIKE)$/i.test(list[n - 1]?.text ?? "");
}

/** Adds the name to GROUP BY, or such a clause to the statement. */
function grouped(list: Token[], name: string): Fix {
  const label = `Add ${name} to GROUP BY`;
  const by = list.findIndex(
    (one, n) => /^by$/i.test(one.text) && /^group$/i.test(list[n - 1]?.text ?? ""),
  );
  if (by >= 0) {
    const at = list[by]!.to;
    return { label, from: at, to: at, insert: ` ${written(name)},` };
  }
  const later = list.find(
    (one) => one.kind === "word" && /^(having|order|limit|emit|settings)$/i.test(one.text),
  );
  const at = later ? later.from : list.at(-1)!.to;
  const insert = `GROUP BY ${written(name)}`;
  return { label, from: at, to: at, insert: later ? `${insert} ` : ` ${insert}` };
}
