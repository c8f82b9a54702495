// The dialect for CodeMirror: tokens with the words of the catalog, and their colours.
import {
  HighlightStyle,
  LanguageSupport,
  StreamLanguage,
  syntaxHighlighting,
} from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import type { Catalog } from "./catalog";
import { type Inside, scanAt } from "./scan";

interface State {
  inside: Inside;
}

interface Words {
  keywords: ReadonlySet<string>;
  functions: ReadonlySet<string>;
  windows: ReadonlySet<string>;
  types: ReadonlySet<string>;
}

function wordsOf(catalog: Catalog | undefined): Words {
  const dialect = catalog?.dialect;
  const functions = dialect?.functions ?? [];
  const stands = (kind: string) => kind === "window" || kind === "table";
  return {
    keywords: new Set(dialect?.keywords ?? []),
    functions: new Set([
      ...(catalog?.functions ?? []).map((one) => one.name),
      ...functions.filter((one) => !stands(one.kind)).flatMap((one) => [one.name, ...one.aliases]),
    ]),
    windows: new Set(functions.filter((one) => stands(one.kind)).map((one) => one.name)),
    types: new Set((dialect?.types ?? []).flatMap((one) => [one.name, ...one.aliases])),
  };
}

// What says when and over which time results come stands out.
const TIMING = new Set(["EMIT", "PERIODIC", "WATERMARK", "AFTER", "DELAY", "TIMEOUT", "CHANGELOG"]);

function styleOf(word: string, follows: string, words: Words): string {
  const lower = word.toLowerCase();
  if (/^\s*\(/.test(follows)) {
    if (words.windows.has(lower)) return "modifier";
    if (words.functions.has(lower)) return "function";
  }
  const upper = word.toUpperCase();
  if (words.keywords.has(upper)) return TIMING.has(upper) ? "controlKeyword" : "keyword";
  return words.types.has(lower) ? "typeName" : "variableName";
}

const STYLES: Record<string, string | null> = {
  space: null,
  comment: "comment",
  quoted: "variableName",
  string: "string",
  number: "number",
  interval: "unit",
  variable: "macroName",
  operator: "operator",
  punctuation: "punctuation",
};

function language(words: Words): StreamLanguage<State> {
  return StreamLanguage.define<State>({
    name: "sql",
    startState: () => ({ inside: "" }),
    copyState: (state) => ({ ...state }),
    token(stream, state) {
      const piece = scanAt(stream.string, stream.pos, state.inside);
      const text = stream.string.slice(stream.pos, piece.to);
      stream.pos = Math.max(piece.to, stream.pos + 1);
      state.inside = piece.inside;
      if (piece.kind !== "word") return STYLES[piece.kind] ?? null;
      return styleOf(text, stream.string.slice(piece.to), words);
    },
    tokenTable: { function: tags.function(tags.variableName) },
    languageData: {
      commentTokens: { line: "--", block: { open: "/*", close: "*/" } },
      closeBrackets: { brackets: ["(", "[", "{", "'", '"', "`"] },
    },
  });
}

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--info)", fontWeight: "600" },
  { tag: [tags.controlKeyword, tags.modifier], color: "var(--series-4)", fontWeight: "600" },
  { tag: tags.function(tags.variableName), color: "var(--accent)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--warn)" },
  { tag: tags.unit, color: "var(--series-4)" },
  { tag: tags.macroName, color: "var(--bad)" },
  { tag: tags.typeName, color: "var(--warn)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

/** Colours of the dialect as the catalog knows it; to be made anew when the catalog changes. */
export function sql(catalog: Catalog | undefined): Extension {
  return [new LanguageSupport(language(wordsOf(catalog))), syntaxHighlighting(COLOURS)];
}
