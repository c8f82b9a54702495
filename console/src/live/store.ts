// The rows of one run of a query: all of the newest, and what the update mode makes of them.
import { DELTA, Fold, type Selection, selection } from "./modes";
import type { Row } from "./protocol";
import { Ring } from "./ring";
import type { Header, Mark, UpdateMode } from "./types";

const MARKS_MAX = 100;
const FOLD_ROWS_MAX = 100_000;

export class Store {
  readonly ring: Ring;
  marks: Mark[] = [];
  private header: Header[] = [];
  private selected: Selection | null = null;
  /** A changelog's state is kept from its beginning: it cannot be made from the newest rows. */
  private fold: Fold | null = null;

  constructor(
    rowsMax: number,
    private mode: UpdateMode,
  ) {
    this.ring = new Ring(rowsMax);
  }

  /** The columns are known. */
  use(header: Header[]): void {
    this.header = header;
    const delta = header.findIndex((column) => column.name === DELTA);
    this.fold = delta < 0 ? null : new Fold(delta, FOLD_ROWS_MAX);
    this.select();
  }

  /** Its rows are numbered behind those of the run before. */
  follow(next: number): void {
    this.ring.next += next;
    this.marks = this.marks.map((mark) => ({ ...mark, at: mark.at + next }));
  }

  setMode(mode: UpdateMode): void {
    this.mode = mode;
    this.select();
  }

  private select(): void {
    if (this.mode.kind === "state") {
      this.selected = this.fold;
      return;
    }
    this.selected = selection(this.mode, this.header);
    if (this.selected) for (const row of this.ring.list()) this.selected.push(row);
  }

  push(row: Row): void {
    this.ring.push(row);
    this.fold?.push(row);
    if (this.selected !== this.fold) this.selected?.push(row);
  }

  list(): Row[] {
    return this.selected ? this.selected.list() : this.ring.list();
  }

  /** Number of the first row of the list; -1 where it has no order of arrival. */
  get seq(): number {
    return this.selected ? -1 : this.ring.first;
  }

  /** A line above the next row. */
  mark(kind: Mark["kind"], from: number, to: number): void {
    const at = this.ring.next;
    const first = this.ring.first;
    const before = this.marks.filter((mark) => mark.at >= first && mark.at !== at);
    this.marks = [...before.slice(1 - MARKS_MAX), { at, kind, from, to }];
  }
}
