// The range of time that a query is run over: as text in the address, and put into the SQL.
import { type Catalog, hasEventTime } from "./catalog";
import { isWord, tokens, written } from "./scan";
import { definedIn, sourcesOf } from "./scope";

/**
 * - `live`: as it is written;
 * - `rewind`: live, after the rows of the last `ms`;
 * - `last`: the rows of the last `ms`, and then the query ends;
 * - `between`: the rows between two times, and then it ends.
 */
export type Range =
  | { kind: "live" }
  | { kind: "rewind"; ms: number; text: string }
  | { kind: "last"; ms: number; text: string }
  | { kind: "between"; from: Date; to: Date };

export const LIVE: Range = { kind: "live" };

const UNITS: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const SPAN = /^(\d+)\s*(s|m|h|d|w)$/;
const SPAN_MS_MAX = 3650 * 864e5;

function spanOf(text: string): { ms: number; text: string } | null {
  const match = SPAN.exec(text.trim());
  if (!match) return null;
  const ms = Number(match[1]) * UNITS[match[2]!]!;
  return ms > 0 && ms <= SPAN_MS_MAX ? { ms, text: `${Number(match[1])}${match[2]}` } : null;
}

/** "" | live | live-15m | now-15m | now-15m..now | A..B with dates; null for what is none. */
export function rangeOf(text: string): Range | null {
  const bare = text.trim();
  if (!bare || bare === "live") return LIVE;
  const rewind = bare.startsWith("live-") ? spanOf(bare.slice(5)) : null;
  if (rewind) return { kind: "rewind", ...rewind };
  const [first = "", second] = bare.split(/\.\.|\s+to\s+/);
  const last = first.startsWith("now-") ? spanOf(first.slice(4)) : null;
  if (last) return second === undefined || second === "now" ? { kind: "last", ...last } : null;
  if (second === undefined) return null;
  const [from, to] = [new Date(first), second === "now" ? new Date() : new Date(second)];
  if (!(from.getTime() < to.getTime())) return null;
  return { kind: "between", from, to };
}

/** As the address has it; "" is `live`. */
export function rangeText(range: Range): string {
  if (range.kind === "live") return "";
  if (range.kind === "rewind") return `live-${range.text}`;
  if (range.kind === "last") return `now-${range.text}`;
  return `${range.from.toISOString()}..${range.to.toISOString()}`;
}

/** Whether a query over this range ends by itself. */
export function ends(range: Range): boolean {
  return range.kind === "last" || range.kind === "between";
}

/** The statement with the range put in; what is no query stays as it is. */
export function withRange(sql: string, range: Range, catalog: Catalog | undefined): string {
  const list = tokens(sql);
  if (range.kind === "live" || !isWord(list[0], "SELECT", "WITH")) return sql;
  if (range.kind === "rewind") return rewound(sql, range.text);
  const condition =
    range.kind === "last"
      ? `_tp_time >= now64(3, 'UTC') - ${range.text}`
      : `_tp_time >= ${moment(range.from)} AND _tp_time < ${moment(range.to)}`;
  const defined = new Set(definedIn(sql));
  const names = new Set(
    sourcesOf(sql)
      .map((source) => source.name)
      .filter((name) => name && !defined.has(name)),
  );
  const parts = [...names].map((name) => {
    const object = catalog?.objects.find((one) => one.name === name);
    const where = !object || hasEventTime(object) ? ` WHERE ${condition}` : "";
    return `${written(name)} AS (SELECT * FROM table(${written(name)})${where})`;
  });
  if (!parts.length) return sql;
  // A name of WITH stands for the stream of that name in all the rest, aliases and windows too.
  const first = list[0];
  if (first && isWord(first, "WITH"))
    return `${sql.slice(0, first.to)} ${parts.join(", ")}, ${sql.slice(first.to).trimStart()}`;
  return `WITH ${parts.join(", ")}\n${sql}`;
}

function moment(date: Date): string {
  return `to_datetime64('${date.toISOString().replace("T", " ").replace("Z", "")}', 3, 'UTC')`;
}

function rewound(sql: string, span: string): string {
  const list = tokens(sql);
  if (list.some((token) => isWord(token, "SEEK_TO"))) return sql;
  let depth = 0;
  const settings = list.some((token) => {
    if (token.text === "(") depth += 1;
    else if (token.text === ")") depth -= 1;
    return depth === 0 && isWord(token, "SETTINGS");
  });
  return `${sql}${settings ? "," : "\nSETTINGS"} seek_to = '-${span}'`;
}
