// Cuts SQL text into tokens: for colours, for statements, for what can be completed.
export type TokenKind =
  | "space"
  | "comment"
  | "word"
  | "quoted"
  | "string"
  | "number"
  | "interval"
  | "variable"
  | "punctuation"
  | "operator";

export interface Token {
  kind: TokenKind;
  from: number;
  to: number;
  text: string;
}

/** What a token that goes over the end of its line is inside of. */
export type Inside = "" | "*" | "'" | '"' | "`";

export interface Piece {
  kind: TokenKind;
  to: number;
  /** Not "": the text ended before the token did. */
  inside: Inside;
}

const SPACE = /\s+/y;
const LINE_COMMENT = /--[^\n]*|#!?(?=\s)[^\n]*/y;
// A unit right after the number: 5s, 250ms, 1d; the letters must end there.
const INTERVAL = /\d+(?:ns|us|ms|s|m|h|d|w|M|q|y)(?![\p{L}\p{N}_])/uy;
const NUMBER = /0x[\da-f]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?/iy;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const VARIABLE = /\{\{[^{}\n]*\}\}/y;
const OPERATOR = /::|->|<=>|<=|>=|<>|!=|==|\|\||[-+*/%<>=!&|^~?:@$]/y;

const PATTERNS: [RegExp, TokenKind][] = [
  [SPACE, "space"],
  [LINE_COMMENT, "comment"],
  [INTERVAL, "interval"],
  [NUMBER, "number"],
  [WORD, "word"],
  [VARIABLE, "variable"],
  [OPERATOR, "operator"],
];

/** The token at `at`; `inside` says that it began before the text did. */
export function scanAt(text: string, at: number, inside: Inside = ""): Piece {
  if (inside === "*") return blockComment(text, at);
  if (inside) return quotedText(text, at, inside);
  if (text.startsWith("/*", at)) return blockComment(text, at + 2);
  const first = text[at] ?? "";
  if (first === "'" || first === '"' || first === "`") return quotedText(text, at + 1, first);
  for (const [pattern, kind] of PATTERNS) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return { kind, to: pattern.lastIndex, inside: "" };
  }
  return { kind: "punctuation", to: at + 1, inside: "" };
}

function blockComment(text: string, at: number): Piece {
  const end = text.indexOf("*/", at);
  return end < 0
    ? { kind: "comment", to: text.length, inside: "*" }
    : { kind: "comment", to: end + 2, inside: "" };
}

/** A quote is escaped by a backslash or by standing twice. */
function quotedText(text: string, at: number, quote: "'" | '"' | "`"): Piece {
  const kind: TokenKind = quote === "'" ? "string" : "quoted";
  for (let n = at; n < text.length; n += 1) {
    if (text[n] === "\\") n += 1;
    else if (text[n] === quote) {
      if (text[n + 1] !== quote) return { kind, to: n + 1, inside: "" };
      n += 1;
    }
  }
  return { kind, to: text.length, inside: quote };
}

/** All tokens of the text, without space and comments unless they are asked for. */
export function tokens(text: string, all = false): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const { kind, to } = scanAt(text, at);
    if (all || (kind !== "space" && kind !== "comment"))
      found.push({ kind, from: at, to, text: text.slice(at, to) });
    at = to;
  }
  return found;
}

/** The name that a word or a quoted name stands for. */
export function nameOf(token: Token): string {
  if (token.kind !== "quoted") return token.text;
  return token.text.slice(1, -1).replaceAll(/\\(.)|``|""/g, (pair, one) => one ?? pair[0]);
}

/** The name as SQL writes it: plain where that is one word, in backticks else. */
export function written(name: string): string {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? name : `\`${name.replaceAll(/[\\`]/g, "\\$&")}\``;
}

export function isWord(token: Token | undefined, ...words: string[]): boolean {
  return token?.kind === "word" && words.includes(token.text.toUpperCase());
}

export function isName(token: Token | undefined): token is Token {
  return token?.kind === "word" || token?.kind === "quoted";
}
