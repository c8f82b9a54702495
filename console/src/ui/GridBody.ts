// Draws the rows of the result grid: a pool of row elements, their texts written straight to them.
import { DELTA } from "@/live/modes";
import type { Row, Value } from "@/live/protocol";
import { type Header, isCut, type Mark } from "@/live/useLive";
import { grid } from "@/text/grid";
import type { GridModel } from "./GridModel";

const OVERSCAN = 4;

/** A cell that is marked: by row and column index. */
export interface Cursor {
  row: number;
  column: number;
}

interface Line {
  element: HTMLElement;
  cells: HTMLElement[];
  texts: string[];
  looks: string[];
  index: number;
  look: string;
}

/** How a cell of a column looks, apart from its value. */
function lookOf(value: Value | undefined, numeric: boolean): string {
  if (value === null || value === undefined) return "null";
  if (isCut(value)) return "cut";
  return numeric ? "number" : "";
}

export class GridBody {
  private lines: Line[] = [];
  private columns = 0;
  private delta = -1;
  private numeric: boolean[] = [];
  private rowHeight = 24;
  private viewport = 0;
  private head = 0;
  private first = 0;
  private expectedTop = -1;
  private cursor: Cursor | null = null;
  private anchor = -1;
  private scheduled = false;
  private arranged = 0;
  private active: HTMLElement | null = null;
  private readonly stops: (() => void)[] = [];

  /**
   * @param scroller what scrolls; its first child holds the head, which sticks to its top
   * @param sizer as high as all rows
   * @param pool moved to where the drawn rows are
   */
  constructor(
    private readonly scroller: HTMLElement,
    private readonly sizer: HTMLElement,
    private readonly pool: HTMLElement,
    private readonly id: string,
    private readonly model: GridModel,
  ) {
    const resized = new ResizeObserver(() => this.measure());
    resized.observe(scroller);
    const density = new MutationObserver(() => this.measure());
    density.observe(document.documentElement, { attributeFilter: ["data-density"] });
    const scrolled = () => this.scrolled();
    scroller.addEventListener("scroll", scrolled, { passive: true });
    this.stops.push(
      () => resized.disconnect(),
      () => density.disconnect(),
      () => scroller.removeEventListener("scroll", scrolled),
      model.onRows(() => this.later()),
    );
    this.arranged = model.state().arranged;
    this.measure();
    if (model.state().frozen && model.top) {
      this.setHeight();
      this.expectedTop = model.top * this.rowHeight;
      this.scroller.scrollTop = this.expectedTop;
      this.draw();
    }
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.pool.replaceChildren();
    this.lines = [];
  }

  /** New columns: all row elements are made anew. */
  setHeader(header: Header[], numeric: boolean[]): void {
    this.columns = header.length;
    this.numeric = numeric;
    this.delta = header.findIndex((column) => column.name === DELTA);
    this.pool.replaceChildren();
    this.lines = [];
    this.measure();
  }

  measure(): void {
    const head = this.scroller.firstElementChild?.firstElementChild;
    this.head = head instanceof HTMLElement ? head.offsetHeight : 0;
    this.viewport = Math.max(0, this.scroller.clientHeight - this.head);
    const height = getComputedStyle(this.scroller).getPropertyValue("--row");
    this.rowHeight = Number.parseFloat(height) || 24;
    this.draw();
  }

  /** Rows that fit wholly. */
  get page(): number {
    return Math.max(1, Math.floor(this.viewport / this.rowHeight));
  }

  // -- scrolling ---------------------------------------------------------------------------------

  private get end(): number {
    return Math.max(0, this.scroller.scrollHeight - this.scroller.clientHeight);
  }

  private scrolled(): void {
    this.draw();
    this.expectedTop = this.scroller.scrollTop;
  }

  /** Scrolls so that a row is wholly seen. */
  reveal(index: number): void {
    const top = index * this.rowHeight;
    const { scrollTop } = this.scroller;
    const wanted =
      top < scrollTop ? top : Math.max(scrollTop, top + this.rowHeight - this.viewport);
    if (wanted !== scrollTop) this.scrollTo(wanted);
  }

  private scrollTo(top: number): void {
    this.scroller.scrollTop = top;
    this.expectedTop = this.scroller.scrollTop;
    this.draw();
  }

  // -- drawing -----------------------------------------------------------------------------------

  private later(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  private setHeight(): void {
    const height = `${this.model.state().total * this.rowHeight}px`;
    if (this.sizer.style.height !== height) this.sizer.style.height = height;
  }

  /** Whether somebody scrolled away from the end, where the view was put last. */
  private get moved(): boolean {
    const { scrollTop } = this.scroller;
    return Math.abs(scrollTop - this.expectedTop) > 1 && scrollTop < this.end - this.rowHeight / 2;
  }

  draw(): void {
    let state = this.model.state();
    if (state.follows && !state.frozen && this.expectedTop >= 0 && this.moved) {
      void this.model.freeze().catch(() => {});
      this.expectedTop = this.scroller.scrollTop;
      state = this.model.state();
    }
    this.setHeight();
    if (state.arranged !== this.arranged) {
      this.arranged = state.arranged;
      this.scroller.scrollTop = 0;
      this.cursor = null;
      this.anchor = -1;
    }
    if (state.follows && !state.frozen) {
      const { end } = this;
      if (this.scroller.scrollTop !== end) this.scroller.scrollTop = end;
      this.expectedTop = this.scroller.scrollTop;
    }
    const size = Math.ceil(this.viewport / this.rowHeight) + 1 + 2 * OVERSCAN;
    const top = Math.floor(this.scroller.scrollTop / this.rowHeight) - OVERSCAN;
    this.first = Math.max(0, Math.min(top, state.total - size));
    this.model.show(this.first, size);
    const shown = Math.min(size, state.total - this.first);
    this.pool.style.transform = `translateY(${this.first * this.rowHeight}px)`;
    while (this.lines.length < Math.min(size, shown)) this.addLine();
    const marks = new Map(state.marks.map((mark) => [mark.at - state.seq, mark]));
    this.lines.forEach((line, slot) => {
      line.element.hidden = slot >= shown;
      if (slot < shown) this.write(line, this.first + slot, marks.get(this.first + slot));
    });
    this.tellActive();
  }

  private addLine(): void {
    const element = document.createElement("div");
    element.className = "grid-row";
    element.setAttribute("role", "row");
    const cells = Array.from({ length: this.columns }, (_, column) => {
      const cell = document.createElement("div");
      cell.className = "grid-cell";
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-colindex", String(column + 1));
      cell.style.width = `var(--w${column})`;
      cell.append("");
      return cell;
    });
    element.append(...cells);
    this.pool.append(element);
    const texts = cells.map(() => "");
    this.lines.push({ element, cells, texts, looks: cells.map(() => ""), index: -1, look: "" });
  }

  private write(line: Line, index: number, mark: Mark | undefined): void {
    const row = this.model.row(index);
    if (line.index !== index) {
      line.index = index;
      line.element.setAttribute("aria-rowindex", String(index + 2));
    }
    for (let column = 0; column < this.columns; column += 1) {
      this.writeCell(line, column, row ? (row[column] ?? null) : undefined);
    }
    const selected = this.isSelected(index);
    const look = [
      "grid-row",
      row ? "" : "loading",
      this.delta >= 0 && Number(row?.[this.delta]) < 0 ? "taken-back" : "",
      mark ? `mark-${mark.kind}` : "",
      selected ? "selected" : "",
      index % 2 ? "odd" : "",
    ].join(" ");
    if (look !== line.look) {
      line.look = look;
      line.element.className = look;
      line.element.title = mark ? grid.mark[mark.kind](mark.to - mark.from) : "";
      if (selected) line.element.setAttribute("aria-selected", "true");
      else line.element.removeAttribute("aria-selected");
    }
  }

  private writeCell(line: Line, column: number, value: Value | undefined): void {
    const text = this.textOf(value, column);
    if (line.texts[column] !== text) {
      line.texts[column] = text;
      (line.cells[column]!.firstChild as Text).data = text;
    }
    const look = value === undefined ? "" : lookOf(value, this.numeric[column] ?? false);
    if (line.looks[column] !== look) {
      line.looks[column] = look;
      line.cells[column]!.className = look ? `grid-cell ${look}` : "grid-cell";
    }
  }

  private textOf(value: Value | undefined, column: number): string {
    if (value === undefined) return "";
    if (value === null) return "null";
    if (column === this.delta && typeof value === "number") {
      return value > 0 ? `+${value}` : `−${-value}`;
    }
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  // -- the cursor and the selection --------------------------------------------------------------

  private isSelected(index: number): boolean {
    if (!this.cursor) return false;
    const { row } = this.cursor;
    return index >= Math.min(row, this.anchor) && index <= Math.max(row, this.anchor);
  }

  /** Marks a cell; with `extend` all rows from where the selection began. */
  setCursor(cursor: Cursor | null, extend = false): void {
    this.cursor = cursor;
    if (cursor && (!extend || this.anchor < 0)) this.anchor = cursor.row;
    if (!cursor) this.anchor = -1;
    this.draw();
  }

  get cursorNow(): Cursor | null {
    return this.cursor;
  }

  /** First and last index of the selected rows, null without any. */
  get selection(): { from: number; to: number } | null {
    if (!this.cursor) return null;
    const { row } = this.cursor;
    return { from: Math.min(row, this.anchor), to: Math.max(row, this.anchor) + 1 };
  }

  private tellActive(): void {
    const { cursor } = this;
    const line = cursor && this.lines[cursor.row - this.first];
    const cell = (line && !line.element.hidden && line.cells[cursor.column]) || null;
    if (this.active !== cell) {
      this.active?.removeAttribute("id");
      this.active?.removeAttribute("data-active");
      this.active = cell;
      cell?.setAttribute("id", `${this.id}-active`);
      cell?.setAttribute("data-active", "");
    }
    if (cell) this.scroller.setAttribute("aria-activedescendant", `${this.id}-active`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  /** The cell that an event happened in. */
  cellOf(target: EventTarget | null): Cursor | null {
    const cell = (target as HTMLElement | null)?.closest?.(".grid-cell");
    const slot = this.lines.findIndex((line) => line.element === cell?.parentElement);
    const line = this.lines[slot];
    if (!line || !cell) return null;
    return { row: line.index, column: line.cells.indexOf(cell as HTMLElement) };
  }

  /** Width in pixels that shows the head and the cells drawn of a column. */
  fit(column: number, head: HTMLElement | null): number {
    const range = document.createRange();
    let width = head ? head.scrollWidth : 0;
    for (const line of this.lines) {
      const cell = line.cells[column];
      if (!cell || line.element.hidden) continue;
      range.selectNodeContents(cell);
      width = Math.max(width, range.getBoundingClientRect().width);
    }
    return Math.ceil(width) + 18;
  }

  /** Texts of the rows drawn, for a guess of widths. */
  sample(): Row[] {
    const rows: Row[] = [];
    for (const line of this.lines) {
      const row = this.model.row(line.index);
      if (row && !line.element.hidden) rows.push(row);
    }
    return rows;
  }
}
