// Where panels stand: fewer columns on small screens, places for new panels, moves by keys.
import { type BoardPanel, COLUMNS, type Position } from "./format";

export interface Placed extends Position {
  i: string;
}

/** Columns that fit a width of pixels. */
export function columnsFor(width: number): number {
  return width < 560 ? 1 : width < 1000 ? 4 : COLUMNS;
}

const order = (a: BoardPanel, b: BoardPanel) =>
  a.position.y - b.position.y || a.position.x - b.position.x;

/** The layout for so many columns; for fewer than twelve panels follow each other by y, then x, and
 * the last one of a row takes what is left of it. */
export function layoutFor(panels: BoardPanel[], columns: number): Placed[] {
  if (columns === COLUMNS) return panels.map((panel) => ({ i: panel.id, ...panel.position }));
  let [x, y, rowHeight] = [0, 0, 0];
  const placed: Placed[] = [];
  const fill = () => {
    const last = placed.at(-1);
    if (last) last.w = columns - last.x;
  };
  for (const panel of [...panels].sort(order)) {
    const share = Math.ceil((panel.position.w * columns) / COLUMNS);
    const w = Math.min(columns, Math.max(share, Math.min(2, columns)));
    if (x + w > columns) {
      fill();
      y += rowHeight;
      x = 0;
      rowHeight = 0;
    }
    placed.push({ i: panel.id, x, y, w, h: panel.position.h });
    x += w;
    rowHeight = Math.max(rowHeight, panel.position.h);
  }
  fill();
  return placed;
}

function overlap(a: Position, b: Position): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** The first free place for a panel of that size, from the top and from the left. */
export function freePlace(panels: BoardPanel[], w: number, h: number): Position {
  const bottom = Math.max(0, ...panels.map(({ position }) => position.y + position.h));
  for (let y = 0; y < bottom; y += 1)
    for (let x = 0; x + w <= COLUMNS; x += 1) {
      const place = { x, y, w, h };
      if (!panels.some((panel) => overlap(panel.position, place))) return place;
    }
  return { x: 0, y: bottom, w, h };
}

export const SIZES = {
  small: { w: 3, h: 4 },
  medium: { w: 6, h: 4 },
  large: { w: 12, h: 5 },
} as const;
export type Size = keyof typeof SIZES;
