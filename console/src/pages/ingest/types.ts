// Types of columns: guessed from texts, and whether a value fits one.
const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i;
const SPECIAL = /^[+-]?(inf|infinity|nan)$/i;
const BOOL = /^(true|false)$/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
// As the server reads times: a date, perhaps with a time of day, perhaps with an offset.
const TIME =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:(?:T| +)(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:[.,]\d+)?)?)?)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)?$/i;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
// A type is guessed when so many of the values fit it: the others are faults of the file.
const FITTING_SHARE = 0.8;

export const TIME_TYPE = "datetime64(3)";

function isTime(text: string, withClock: boolean): boolean {
  const found = TIME.exec(text);
  if (!found || (withClock && found[4] === undefined)) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const inDay = hour <= 23 && minute <= 59 && second <= 59;
  return month >= 1 && month <= 12 && day >= 1 && day <= days && inDay;
}

const isInt64 = (text: string): boolean =>
  INTEGER.test(text) && BigInt(text) <= INT64_MAX && BigInt(text) >= INT64_MIN;

const GUESSES: [string, (text: string) => boolean][] = [
  ["int64", isInt64],
  ["float64", (text) => NUMBER.test(text) || SPECIAL.test(text)],
  ["bool", (text) => BOOL.test(text)],
  ["date", (text) => isTime(text, false) && !isTime(text, true)],
  [TIME_TYPE, (text) => isTime(text, false)],
  ["uuid", (text) => UUID.test(text)],
];

/** The type that most of the texts fit; string when no other does. Empty ones tell nothing. */
export function guessType(texts: string[]): string {
  const told = texts.map((text) => text.trim()).filter(Boolean);
  if (!told.length) return "string";
  let best = "string";
  let most = Math.max(told.length * FITTING_SHARE, 1) - 1e-9;
  for (const [type, fits] of GUESSES) {
    const n = told.filter(fits).length;
    // A wider type must earn its place, by more values that fit.
    if (n > most) {
      best = type;
      most = n;
    }
  }
  return best;
}

/** The type within nullable(...) and low_cardinality(...), in lower case. */
export function plainType(type: string): string {
  let plain = type.trim().toLowerCase();
  for (;;) {
    const inner = /^(?:nullable|low_cardinality)\((.*)\)$/s.exec(plain);
    if (!inner) return plain;
    plain = (inner[1] as string).trim();
  }
}

export const isText = (type: string): boolean => /^(string|fixed_string)/.test(plainType(type));
export const isTimeType = (type: string): boolean => /^date/.test(plainType(type));

function integerFault(plain: string, text: string): boolean {
  const found = /^(u?)int(\d+)$/.exec(plain);
  if (!INTEGER.test(text)) return true;
  // Most are far from the limits of most types: no big numbers are needed for them.
  if (Number(found?.[2] ?? 64) >= 64 && text.length <= 18)
    return found?.[1] === "u" && text.startsWith("-") && Number(text) < 0;
  const bits = BigInt(found?.[2] ?? 64);
  const unsigned = found?.[1] === "u";
  const value = BigInt(text);
  const low = unsigned ? 0n : -(2n ** (bits - 1n));
  const high = unsigned ? 2n ** bits - 1n : 2n ** (bits - 1n) - 1n;
  return value < low || value > high;
}

function textFits(plain: string, text: string): boolean {
  if (/^u?int\d+$/.test(plain)) return !integerFault(plain, text);
  if (/^float/.test(plain)) return NUMBER.test(text) || SPECIAL.test(text);
  if (/^decimal/.test(plain)) return NUMBER.test(text);
  if (/^bool/.test(plain)) return /^(true|false|0|1)$/i.test(text);
  if (/^date/.test(plain)) return isTime(text, false) || NUMBER.test(text);
  if (plain === "uuid") return UUID.test(text);
  return true;
}

/** Why a value cannot be stored as the type; "" when it can, or when only the server knows. */
export function faultOf(type: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  const plain = plainType(type);
  if (isText(type)) return "";
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const cannot = `Cannot read ${JSON.stringify(shown.slice(0, 60))} as ${type}.`;
  if (typeof value === "object") return /^(json|array|map|tuple|nested)/.test(plain) ? "" : cannot;
  if (typeof value === "boolean") return /^(bool|u?int)/.test(plain) ? "" : cannot;
  const text = String(value).trim();
  if (text === "") return "";
  return textFits(plain, text) ? "" : cannot;
}

/** A name that a column can have, unlike those taken. */
export function columnName(text: string, n: number, taken: Set<string>): string {
  let base = text
    .trim()
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9_]+/g, "_")
    .replace(/^_+|_+$/g, "");
  if (!base) base = `column_${n + 1}`;
  if (/^\d/.test(base)) base = `_${base}`;
  let name = base;
  for (let m = 2; taken.has(name.toLowerCase()); m++) name = `${base}_${m}`;
  taken.add(name.toLowerCase());
  return name;
}
