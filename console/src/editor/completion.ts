// What can stand at the cursor, best first: columns of the sources, functions, streams, keywords.
import type { Catalog, CatalogObject, Vocabulary } from "./catalog";
import { scanAt, tokens, written } from "./scan";
import { type Scope, type Source, scopeAt } from "./scope";
import { statementAt } from "./statements";

export type OptionKind =
  | "column"
  | "window"
  | "function"
  | "stream"
  | "keyword"
  | "setting"
  | "type";

export interface Option {
  label: string;
  kind: OptionKind;
  /** Beside the name: type of a column, signature of a function, kind of a stream. */
  detail: string;
  /** Explained when it is chosen. */
  info?: { signatures: string[]; summary: string; example?: string };
  /** Written instead of the label. */
  insert?: string;
  /** Parentheses follow, with the cursor in between. */
  call?: boolean;
}

export interface Completions {
  from: number;
  options: Option[];
}

// More than anybody reads; a further letter narrows them.
const OPTIONS_MAX = 100;
// Fewer letters are found inside of too many names.
const INSIDE_LETTERS_MIN = 3;

interface Words {
  functions: Option[];
  windows: Option[];
  tables: Option[];
  keywords: Option[];
  settings: Option[];
  types: Option[];
  objects: Option[];
  byName: Map<string, CatalogObject>;
}

const made = new WeakMap<Catalog, Words>();

/** Everything that does not depend on the place, made once for each state of the catalog. */
function wordsOf(catalog: Catalog): Words {
  const known = made.get(catalog);
  if (known) return known;
  const words = makeWords(catalog, catalog.dialect);
  made.set(catalog, words);
  return words;
}

function makeWords(catalog: Catalog, dialect: Vocabulary | null | undefined): Words {
  const built = (dialect?.functions ?? []).filter((one) => /^[a-z_]\w*$/i.test(one.name));
  const option = (one: (typeof built)[number], kind: OptionKind): Option => ({
    label: one.name,
    kind,
    detail: one.signatures[0]?.slice(one.name.length) ?? "()",
    info: {
      signatures: one.signatures,
      summary: one.summary,
      ...(one.example && { example: `${one.example.sql} → ${one.example.value}` }),
    },
    call: true,
  });
  const own = catalog.functions.map(
    (one): Option => ({
      label: one.name,
      kind: "function",
      detail: one.signatures[0]?.slice(one.name.length) ?? "()",
      info: { signatures: one.signatures, summary: one.summary },
      call: true,
    }),
  );
  const of = (kind: string) => built.filter((one) => one.kind === kind);
  return {
    functions: [
      ...own,
      ...built
        .filter((one) => one.kind !== "window" && one.kind !== "table")
        .map((one) => option(one, "function")),
    ],
    windows: of("window").map((one) => option(one, "window")),
    tables: of("table").map((one) => option(one, "function")),
    keywords: (dialect?.keywords ?? []).map((one) => ({ label: one, kind: "keyword", detail: "" })),
    settings: (dialect?.settings ?? [])
      .filter((one) => one.of.includes("query") && one.summary)
      .map((one) => ({
        label: one.name,
        kind: "setting",
        detail: one.default,
        info: { signatures: [`${one.name} = …`], summary: one.summary },
        insert: `${one.name} = `,
      })),
    types: (dialect?.types ?? []).map((one) => ({
      label: one.name,
      kind: "type",
      detail: one.form === one.name ? "" : one.form,
    })),
    objects: catalog.objects.map((one) => ({
      label: one.name,
      kind: "stream",
      detail: one.kind.replaceAll("_", " "),
      insert: written(one.name),
      info: { signatures: [], summary: one.description || columnList(one) },
    })),
    byName: new Map(catalog.objects.map((one) => [one.name, one])),
  };
}

function columnList(object: CatalogObject): string {
  return object.columns.map((one) => one.name).join(", ");
}

/** What completes the word before `at`; null inside of comments, texts and numbers. */
export function complete(
  text: string,
  at: number,
  catalog: Catalog,
  asked = false,
): Completions | null {
  const word = wordBefore(text, at);
  if (word === null) return null;
  const statement = statementAt(text, at);
  const start = statement && statement.from <= at ? statement.from : at - word.length;
  const end = Math.max(statement?.to ?? at, at);
  const sql = text.slice(start, end);
  const scope = scopeAt(sql, at - start - word.length);
  if (scope.clause === "none") return null;
  // A popup over an empty place is in the way, but where only names can stand it helps.
  if (!word && !asked && scope.clause !== "dotted") return null;
  const options = ranked(
    candidates(scope, wordsOf(catalog), sql, start === at - word.length),
    word,
  );
  if (!options.length) return null;
  if (options.length === 1 && options[0]!.label.toLowerCase() === word.toLowerCase()) return null;
  return { from: at - word.length, options };
}

/** The word that ends at the cursor, "" for none, null where nothing can be completed. */
function wordBefore(text: string, at: number): string | null {
  let from = 0;
  while (from < at) {
    const piece = scanAt(text, from);
    if (piece.to >= at) {
      if (piece.kind === "word") return text.slice(from, at);
      const open = piece.to > at || piece.inside !== "";
      if (piece.kind === "comment")
        return piece.to === at && /\*\/$/.test(text.slice(0, at)) ? "" : null;
      if (piece.kind === "string" || piece.kind === "quoted") return open ? null : "";
      return piece.kind === "number" || piece.kind === "interval" ? null : "";
    }
    from = piece.to;
  }
  return "";
}

/** Groups of options in their order. */
function candidates(scope: Scope, words: Words, sql: string, first: boolean): Option[][] {
  switch (scope.clause) {
    case "dotted":
      return [columnsOfOwner(scope, words)];
    case "source":
      return [
        scope.defined.map((one) => ({ label: one.name, kind: "stream", detail: "with" })),
        words.objects,
        words.windows,
        words.tables,
      ];
    case "setting":
      return [words.settings];
    case "type":
      return [words.types];
    default:
      if (first || !tokens(sql).length) return [words.keywords];
      return [
        columnsHere(scope, words),
        words.functions,
        [...words.windows, ...words.tables],
        words.objects,
        words.keywords,
      ];
  }
}

function columnsOfOwner(scope: Scope, words: Words): Option[] {
  const owner = scope.owner;
  const source = scope.sources.find((one) => (one.alias || one.name) === owner);
  return source ? columnsOf(source, scope, words) : [];
}

/** Columns of the sources of the innermost select that has any; none of those around it. */
function columnsHere(scope: Scope, words: Words): Option[] {
  const near = scope.selects
    .map((select) => scope.sources.filter((one) => one.select === select))
    .find((one) => one.length);
  // A cursor in WITH, or a FROM that comes later in another part: better all than none.
  const sources = near ?? scope.sources;
  const seen = new Set<string>();
  return sources
    .flatMap((source) => columnsOf(source, scope, words))
    .filter((one) => !seen.has(one.label) && seen.add(one.label));
}

function columnsOf(source: Source, scope: Scope, words: Words): Option[] {
  const option = (label: string, detail: string): Option => ({
    label,
    kind: "column",
    detail,
    insert: written(label),
  });
  const own = source.columns ?? scope.defined.find((one) => one.name === source.name)?.columns;
  const object = own ? undefined : words.byName.get(source.name);
  const columns = own
    ? own.map((name) => option(name, ""))
    : (object?.columns ?? []).map((one) => option(one.name, one.type));
  if (source.windowed)
    columns.push(option("window_start", "datetime64(3)"), option("window_end", "datetime64(3)"));
  const has = (name: string) => columns.some((one) => one.label === name);
  if (object && /stream|materialized/.test(object.kind) && !has("_tp_time"))
    columns.push(option("_tp_time", "datetime64(3, 'UTC')"));
  return columns;
}

/** Beginnings first, then beginnings of a part after `_`, then what holds the word. */
function ranked(groups: Option[][], word: string): Option[] {
  const wanted = word.toLowerCase();
  const found: { option: Option; rank: number }[] = [];
  for (const [group, options] of groups.entries())
    for (const option of options) {
      const label = option.label.toLowerCase();
      const at = label.indexOf(wanted);
      if (at < 0) continue;
      const begins = at === 0 || label[at - 1] === "_";
      if (!begins && wanted.length < INSIDE_LETTERS_MIN) continue;
      let rank = group + (at === 0 ? 0 : label[at - 1] === "_" ? 10 : 20);
      // The whole word was typed: Enter must not make another one of it.
      if (label === wanted) rank = option.kind === "keyword" ? -2 : -1;
      found.push({ option, rank });
    }
  const inOrder = !wanted;
  found.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    if (inOrder && a.option.kind === "column") return 0;
    return (
      a.option.label.length - b.option.label.length || (a.option.label < b.option.label ? -1 : 1)
    );
  });
  return found.slice(0, OPTIONS_MAX).map((one) => one.option);
}
