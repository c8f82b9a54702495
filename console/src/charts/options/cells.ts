// Rectangles of a plane of two categories, in the colour of a number or of a group.
import type { Json } from "../config";
import { colourAt, mixed, paletteOf } from "../theme";
import { kindOf, type Row } from "../values";
import { type Given, groups, label, num } from "./common";

interface Api {
  value: (n: number) => number;
  coord: (at: number[]) => number[];
  size: (of: number[]) => number[];
}

interface Cells {
  x: (row: Row) => string;
  y: (row: Row) => string;
  /** The names of both axes, in their order. */
  across: string[];
  up: string[];
  /** Column of the colour; -1: all are the same. */
  color: number;
  name: string;
}

/** The newest row of each place. */
export function cells(given: Given, { x, y, across, up, color, name }: Cells): Json {
  const column = new Map(across.map((one, n) => [one, n]));
  const line = new Map(up.map((one, n) => [one, n]));
  const numeric = color >= 0 && kindOf(given.columns[color]!.type) === "number";
  const all = numeric ? given.rows.map((row) => num(row, color)).filter(Number.isFinite) : [];
  const [least, most] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
  const palette = paletteOf(given.config, given.theme);
  const by = groups(given, numeric ? -1 : color);
  const strong = colourAt(palette, 0);
  const fill = (row: Row) =>
    numeric
      ? mixed(
          strong,
          given.theme.surface,
          0.1 + 0.9 * ((num(row, color) - least) / (most - least || 1)),
        )
      : colourAt(palette, by.names.indexOf(by.of(row)));
  const newest = new Map(given.rows.map((row) => [`${x(row)}\u0001${y(row)}`, row]));
  const rows = [...newest.values()];
  return {
    type: "custom",
    name,
    data: rows.map((row) => [
      column.get(x(row)),
      line.get(y(row)),
      numeric ? num(row, color) : color >= 0 ? label(given, color, row) : "",
    ]),
    renderItem: ({ dataIndex }: { dataIndex: number }, api: Api) => {
      const [left = 0, top = 0] = api.coord([api.value(0), api.value(1)]);
      const [wide = 0, high = 0] = api.size([1, 1]);
      const box = { x: left - wide / 2, y: top - high / 2, width: wide - 1, height: high - 1 };
      return { type: "rect", shape: box, style: { fill: fill(rows[dataIndex]!) } };
    },
  };
}
