// Frames into messages, and cells into what views need: exact numbers, cut texts, times, sizes.
import type { Row, ServerMessage, Value } from "./protocol";
import { CELL_MAX, type Header } from "./types";

const text = new TextDecoder();
/** An integer of 16 digits or more as a whole cell: JSON.parse might round it. */
const LONG = /[[,:]-?\d{16,}[\],}]/;

interface Source {
  source?: string;
}
type Reviver = (this: unknown, key: string, value: unknown, context?: Source) => unknown;

/** Integers that a double cannot hold stay as they were written. */
const exactly: Reviver = (_key, value, context) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? context?.source
    : value;

/** JSON whose long integers are not rounded but kept as text. */
export function parseExactly(json: string): unknown {
  return LONG.test(json)
    ? JSON.parse(json, exactly as (k: string, v: unknown) => unknown)
    : JSON.parse(json);
}

/** A frame of the socket, binary or text. */
export function decodeFrame(frame: ArrayBuffer | string): ServerMessage {
  const json = typeof frame === "string" ? frame : text.decode(frame);
  return parseExactly(json) as ServerMessage;
}

/** A cell as the page gets it: texts cut, arrays and objects as text. */
export function shortCell(cell: Value): Value {
  const plain = cell !== null && typeof cell === "object" ? JSON.stringify(cell) : cell;
  if (typeof plain !== "string" || plain.length <= CELL_MAX) return plain;
  return `${cutAt(plain, CELL_MAX)}…`;
}

/** The first `max` characters; always that many, so that the length tells that it was cut. */
function cutAt(whole: string, max: number): string {
  const last = whole.charCodeAt(max - 1);
  const halfPair = last >= 0xd800 && last <= 0xdbff;
  return halfPair ? `${whole.slice(0, max - 1)} ` : whole.slice(0, max);
}

export const shortRow = (row: Row): Row => row.map(shortCell);

const CELL_BYTES = 8;
const ROW_BYTES = 32;

/** About what a row takes in memory. */
export function sizeOf(row: Row): number {
  let size = ROW_BYTES;
  for (const cell of row) size += cellSize(cell);
  return size;
}

function cellSize(cell: Value): number {
  if (typeof cell === "string") return CELL_BYTES + 2 * cell.length;
  if (cell === null || typeof cell !== "object") return CELL_BYTES;
  let size = ROW_BYTES;
  for (const inner of Object.values(cell)) size += cellSize(inner as Value);
  return size;
}

/** A cell as plain text; null as "". */
export function cellText(cell: Value | undefined): string {
  if (cell === null || cell === undefined) return "";
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell);
}

/** A cell as a number, NaN where it is none. */
export function cellNumber(cell: Value | undefined): number {
  if (typeof cell === "number") return cell;
  if (typeof cell === "boolean") return cell ? 1 : 0;
  if (typeof cell !== "string" || !cell) return Number.NaN;
  if (cell === "inf") return Number.POSITIVE_INFINITY;
  if (cell === "-inf") return Number.NEGATIVE_INFINITY;
  return Number(cell);
}

const two = (s: string, at: number): number =>
  (s.charCodeAt(at) - 48) * 10 + (s.charCodeAt(at + 1) - 48);

/**
 * Unix ms of a time as the API writes it (`2026-01-01 10:00:00.123`, UTC), of a date, or of a number
 * of seconds or milliseconds; NaN where it is none of these.
 */
export function cellTime(cell: Value | undefined): number {
  if (typeof cell === "number") return Math.abs(cell) < 1e11 ? cell * 1000 : cell;
  if (typeof cell !== "string") return Number.NaN;
  if (cell.length >= 19 && cell[4] === "-" && cell[7] === "-" && cell[13] === ":") {
    const year = two(cell, 0) * 100 + two(cell, 2);
    const month = two(cell, 5) - 1;
    const at = Date.UTC(year, month, two(cell, 8), two(cell, 11), two(cell, 14), two(cell, 17));
    if (cell.length === 19) return at;
    const rest = /^(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/.exec(cell.slice(19));
    if (!rest) return Number.NaN;
    const fraction = rest[1] ? Number(rest[1]) * 1000 : 0;
    return at + fraction - zone(rest[2]);
  }
  return /^\d{4}-\d\d-\d\d/.test(cell) ? Date.parse(cell) : Number.NaN;
}

function zone(name: string | undefined): number {
  if (!name || name === "Z") return 0;
  const minutes = two(name, 1) * 60 + two(name, name.length - 2);
  return (name[0] === "-" ? -minutes : minutes) * 60_000;
}

export function columnIndex(header: Header[], name: string | undefined): number {
  return name === undefined ? -1 : header.findIndex((column) => column.name === name);
}

/** Whether a column holds numbers (also those that are written as text). */
export function isNumeric(type: string): boolean {
  return /^(nullable\()?(low_cardinality\()?(nullable\()?(u?int\d|float|decimal|double|number)/i.test(
    type,
  );
}

export function isTime(type: string): boolean {
  return /^(nullable\()?(low_cardinality\()?(nullable\()?date/i.test(type);
}
