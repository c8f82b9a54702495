// How wide a column of the result grid is before somebody drags it.
import { cellText, isTime } from "@/live/decode";
import type { Row } from "@/live/protocol";
import type { Header } from "@/live/useLive";

export const WIDTH_MIN = 48;
export const WIDTH_MAX = 1_600;
const GUESS_MAX = 340;
const GUESS_MIN = 72;
/** A letter of the grid's face, and what stands around a text. */
const LETTER = 7.3;
const AROUND = 24;
/** The arrow of a sorted column. */
const ARROW = 16;
const TIME_LETTERS = 23;

/** From its name, its type and some rows. */
export function guessed(column: Header, rows: Row[], index: number): number {
  let letters = 0;
  if (isTime(column.type)) letters = Math.max(letters, TIME_LETTERS);
  for (const row of rows) letters = Math.max(letters, cellText(row[index]).length);
  const head = column.name.length * (LETTER + 0.4) + ARROW;
  const width = Math.max(head, letters * LETTER) + AROUND;
  return Math.round(Math.max(GUESS_MIN, Math.min(width, GUESS_MAX)));
}
