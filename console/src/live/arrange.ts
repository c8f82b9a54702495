// Sorts and filters the rows that were frozen.
import { cellNumber, cellText } from "./decode";
import { compare } from "./modes";
import type { Row, Value } from "./protocol";
import type { Arrangement } from "./types";

type Test = (cell: Value | undefined) => boolean;

const OPERATORS: Record<string, (order: number) => boolean> = {
  "=": (order) => order === 0,
  "!=": (order) => order !== 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
};

/** What a column is asked for: `> 30`, `!= x`, `null`, or a part of its text. */
export function columnTest(asked: string): Test {
  const trimmed = asked.trim();
  const found = /^(>=|<=|!=|=|>|<)\s*(.*)$/.exec(trimmed);
  if (!found) {
    const wanted = trimmed.toLowerCase();
    return (cell) => cellText(cell).toLowerCase().includes(wanted);
  }
  const [, sign = "=", text = ""] = found;
  const holds = OPERATORS[sign]!;
  if (text.toLowerCase() === "null") {
    return (cell) => holds(cell === null || cell === undefined ? 0 : 1);
  }
  // Nothing is neither smaller nor larger than a value.
  return (cell) =>
    cell === null || cell === undefined ? sign === "!=" : holds(comparedWith(cell, text));
}

function comparedWith(cell: Value, text: string): number {
  const number = cellNumber(text);
  if (typeof cell === "number" && !Number.isNaN(number)) return compare(cell, number);
  return compare(typeof cell === "object" ? cellText(cell) : String(cell), text);
}

/** Indices of the rows that are left, in the order wanted; null: all as they are. */
export function arranged(rows: Row[], wanted: Arrangement): number[] | null {
  const text = wanted.text.trim().toLowerCase();
  const tests = Object.entries(wanted.columns)
    .filter(([, asked]) => asked.trim())
    .map(([column, asked]) => ({ column: Number(column), test: columnTest(asked) }));
  if (!wanted.sort && !text && !tests.length) return null;
  const left: number[] = [];
  rows.forEach((row, index) => {
    if (text && !row.some((cell) => cellText(cell).toLowerCase().includes(text))) return;
    if (tests.every(({ column, test }) => test(row[column]))) left.push(index);
  });
  const { sort } = wanted;
  if (sort) {
    const sign = sort.down ? -1 : 1;
    left.sort((a, b) => sign * compare(rows[a]?.[sort.column], rows[b]?.[sort.column]) || a - b);
  }
  return left;
}
