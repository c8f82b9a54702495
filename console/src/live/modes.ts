// Update modes: which of the rows that came make up the view.
import { cellNumber, cellText, columnIndex } from "./decode";
import type { Row, Value } from "./protocol";
import type { Header, UpdateMode } from "./types";

/** Keys of a view beyond this are left out: the one that came first goes. */
export const KEYS_MAX = 100_000;
export const DELTA = "_tp_delta";

/** Rows in, the rows of the view out. */
export interface Selection {
  push: (row: Row) => void;
  list: () => Row[];
}

/** Orders values of one column: numbers by size, everything else as text; nothing comes first. */
export function compare(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : -1;
  if (b === null || b === undefined) return 1;
  const x = cellNumber(a);
  const y = cellNumber(b);
  if (!Number.isNaN(x) && !Number.isNaN(y)) {
    if (x !== y) return x < y ? -1 : 1;
    return typeof a === "string" && typeof b === "string" ? longer(a, b) : 0;
  }
  const s = cellText(a);
  const t = cellText(b);
  return s < t ? -1 : s > t ? 1 : 0;
}

/** Integers too long for a double, equal as doubles. */
function longer(a: string, b: string): number {
  if (!/^-?\d+$/.test(a) || !/^-?\d+$/.test(b)) return 0;
  const x = BigInt(a);
  const y = BigInt(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Rows with the newest value of a column; rows of an older one that come late are left out. */
class Frame implements Selection {
  private rows: Row[] = [];
  constructor(
    private column: number,
    private rowsMax: number,
  ) {}

  push(row: Row): void {
    const last = this.rows[0];
    const order = last ? compare(row[this.column], last[this.column]) : 1;
    if (order > 0) this.rows = [row];
    else if (order === 0) {
      this.rows.push(row);
      if (this.rows.length > this.rowsMax) this.rows.shift();
    }
  }

  list(): Row[] {
    return this.rows.slice();
  }
}

/** The newest row of each value of a column, where the value stood first. */
class Newest implements Selection {
  private rows = new Map<string, Row>();
  constructor(
    private column: number,
    private rowsMax: number,
  ) {}

  push(row: Row): void {
    const key = cellText(row[this.column]);
    this.rows.set(key, row);
    if (this.rows.size > this.rowsMax) {
      const [first] = this.rows.keys();
      if (first !== undefined) this.rows.delete(first);
    }
  }

  list(): Row[] {
    return [...this.rows.values()];
  }
}

/** A changelog's rows that were not taken back, with their number in the column of the weight. */
export class Fold implements Selection {
  private rows = new Map<string, Row>();
  /** Rows were left out since there are more than can be kept. */
  overflowed = false;
  constructor(
    private delta: number,
    private rowsMax: number,
  ) {}

  push(row: Row): void {
    const weight = cellNumber(row[this.delta]);
    const key = JSON.stringify(row.toSpliced(this.delta, 1));
    const before = cellNumber(this.rows.get(key)?.[this.delta] ?? 0);
    const after = before + weight;
    if (after === 0 || Number.isNaN(after)) this.rows.delete(key);
    else this.rows.set(key, row.with(this.delta, after));
    if (this.rows.size > this.rowsMax) {
      const [first] = this.rows.keys();
      if (first !== undefined) this.rows.delete(first);
      this.overflowed = true;
    }
  }

  /** A row taken back before it came (its beginning was not seen) is no row of the state. */
  list(): Row[] {
    return [...this.rows.values()].filter((row) => cellNumber(row[this.delta]) > 0);
  }
}

/** What a mode keeps; null for all rows, and where its column does not exist. */
export function selection(
  mode: UpdateMode,
  header: Header[],
  rowsMax: number = KEYS_MAX,
): Selection | null {
  if (mode.kind === "all") return null;
  const column = columnIndex(header, mode.kind === "state" ? DELTA : mode.key);
  if (column < 0) return null;
  if (mode.kind === "time") return new Frame(column, rowsMax);
  if (mode.kind === "key") return new Newest(column, rowsMax);
  return new Fold(column, rowsMax);
}
