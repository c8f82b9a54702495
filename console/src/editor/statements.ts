// The statements of a text, the one at the cursor, and what a statement does.
import { isName, isWord, nameOf, type Token, tokens } from "./scan";

export interface Statement {
  /** Without space and comments around it. */
  text: string;
  from: number;
  to: number;
}

/** Statements are parted by semicolons; what holds nothing but comments is none. */
export function statements(text: string): Statement[] {
  const found: Statement[] = [];
  let first: Token | null = null;
  let last: Token | null = null;
  const put = () => {
    if (first && last)
      found.push({ text: text.slice(first.from, last.to), from: first.from, to: last.to });
    first = last = null;
  };
  for (const token of tokens(text)) {
    if (token.text === ";") put();
    else {
      first ??= token;
      last = token;
    }
  }
  put();
  return found;
}

/** The statement that the cursor is in or behind; the next one where there is none before it. */
export function statementAt(text: string, at: number): Statement | undefined {
  const all = statements(text);
  const begun = all.filter((one) => one.from <= at);
  const last = begun.at(-1);
  const next = all[begun.length];
  if (!last) return next;
  // Behind a semicolon, on the line of the next statement, that one is meant.
  if (next && at > last.to && text.slice(last.to, at).includes(";")) {
    if (!text.slice(at, next.from).includes("\n")) return next;
  }
  return last;
}

/** CREATE, INSERT, DROP ... made these; for messages and for the catalog to be read anew. */
export interface Effect {
  verb: string;
  /** stream, view, materialized view, ...; "" where the statement names no kind. */
  kind: string;
  name: string;
}

const KINDS = new Set(["STREAM", "VIEW", "FUNCTION", "SCHEMA", "TABLE", "DICTIONARY"]);
const BEFORE_KIND = new Set([
  ..."OR REPLACE MATERIALIZED EXTERNAL MUTABLE RANDOM AGGREGATE REMOTE FORMAT".split(" "),
]);
const BEFORE_NAME = new Set(["IF", "NOT", "EXISTS", "INTO"]);

export function effectOf(sql: string): Effect {
  const list = tokens(sql);
  const verb = list[0]?.text.toUpperCase() ?? "";
  let n = 1;
  const kind: string[] = [];
  while (list[n]?.kind === "word" && BEFORE_KIND.has(list[n]!.text.toUpperCase())) {
    const word = list[n++]!.text.toUpperCase();
    if (word !== "OR" && word !== "REPLACE") kind.push(word.toLowerCase());
  }
  if (list[n]?.kind === "word" && KINDS.has(list[n]!.text.toUpperCase()))
    kind.push(list[n++]!.text.toLowerCase());
  while (list[n]?.kind === "word" && BEFORE_NAME.has(list[n]!.text.toUpperCase())) n += 1;
  let name = "";
  // A name may carry that of its database before a dot.
  while (isName(list[n])) {
    name = nameOf(list[n]!);
    if (list[n + 1]?.text !== ".") break;
    n += 2;
  }
  return { verb, kind: kind.join(" "), name };
}

const WITH_ROWS = new Set(["SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "SUBSCRIBE"]);

/** Whether the statement answers with rows, by the server's `query_type` or its first word. */
export function hasRows(type: string): boolean {
  return WITH_ROWS.has(type.toUpperCase());
}

/** Whether every statement of the text only reads: such a text may run when a link is opened. */
export function onlyReads(text: string): boolean {
  const all = statements(text);
  return (
    all.length > 0 &&
    all.every(({ text: one }) => {
      const list = tokens(one).filter((token) => token.text !== "(");
      return hasRows(list[0]?.text ?? "") && !list.some((token) => isWord(token, "INSERT"));
    })
  );
}
