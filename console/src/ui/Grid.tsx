// The result grid: head with sorting, widths and filters, and the rows below it.
import { ArrowDown, ArrowUp } from "lucide-react";
import {
  type ClipboardEvent,
  type KeyboardEvent,
  type MouseEvent,
  type Ref,
  useEffect,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useSyncExternalStore,
} from "react";
import { isNumeric } from "@/live/decode";
import type { Header, Order } from "@/live/useLive";
import { grid } from "@/text/grid";
import "./grid.css";
import { GridBody } from "./GridBody";
import type { GridModel, GridState } from "./GridModel";
import { guessed, WIDTH_MAX, WIDTH_MIN } from "./GridWidths";

export interface GridHandle {
  /** Rows that are selected: from..to by index. */
  selection: () => { from: number; to: number } | null;
  focus: () => void;
  /** Marks a row and scrolls to it. */
  select: (row: number) => void;
}

interface Props {
  model: GridModel;
  /** Shows a row in full. */
  onOpen: (row: number) => void;
  /** Copies the selected rows, or all. */
  onCopy: () => void;
  /** The cursor moved to a row. */
  onRow?: (row: number) => void;
  /** A line of filters below the names. */
  filters: boolean;
  ref?: Ref<GridHandle>;
}

export function useGridState(model: GridModel): GridState {
  return useSyncExternalStore(model.onState, model.state);
}

export function Grid({ model, onOpen, onCopy, onRow, filters, ref }: Props) {
  const id = useId();
  const state = useGridState(model);
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sizer = useRef<HTMLDivElement>(null);
  const pool = useRef<HTMLDivElement>(null);
  const body = useRef<GridBody | null>(null);
  const { header } = state;
  useLayoutEffect(() => {
    const made = new GridBody(scroller.current!, sizer.current!, pool.current!, id, model);
    body.current = made;
    return () => made.stop();
  }, [model, id]);
  useEffect(() => model.start(), [model]);
  const widths = useWidths(header, content, body, state.total > 0);
  useLayoutEffect(() => {
    body.current?.setHeader(
      header,
      header.map((column) => isNumeric(column.type)),
    );
  }, [header]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the head has another height then
  useLayoutEffect(() => body.current?.measure(), [filters]);
  const mark = (row: number, column: number, extend = false) => {
    body.current?.setCursor({ row, column }, extend);
    body.current?.reveal(row);
    onRow?.(row);
  };
  useImperativeHandle(ref, () => ({
    selection: () => body.current?.selection ?? null,
    focus: () => scroller.current?.focus(),
    select: (row) => mark(row, body.current?.cursorNow?.column ?? 0),
  }));
  const hold = () => {
    if (!state.frozen) void model.freeze().catch(() => {});
  };
  const press = (event: MouseEvent) => {
    const cell = body.current?.cellOf(event.target);
    if (!cell || event.button !== 0) return;
    hold();
    body.current?.setCursor(cell, event.shiftKey);
    onRow?.(cell.row);
    if (event.shiftKey) window.getSelection()?.removeAllRanges();
  };
  const open = (event: MouseEvent) => {
    const cell = body.current?.cellOf(event.target);
    if (cell) onOpen(cell.row);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || !body.current) return;
    if (pressed(event, { model, body: body.current, mark, hold, onOpen })) event.preventDefault();
  };
  const copy = (event: ClipboardEvent) => {
    if (event.target instanceof HTMLInputElement || !window.getSelection()?.isCollapsed) return;
    event.preventDefault();
    onCopy();
  };
  return (
    <div
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={grid.label}
      aria-rowcount={state.total + 1}
      aria-colcount={header.length}
      aria-multiselectable
      aria-readonly
      data-frozen={state.frozen || undefined}
      className="relative min-h-0 flex-1 overflow-auto bg-surface outline-offset-[-2px] [overflow-anchor:none]"
      onKeyDown={keys}
      onMouseDown={press}
      onDoubleClick={open}
      onCopy={copy}
    >
      <div ref={content} className="grid-content">
        <div className="grid-head" role="rowgroup">
          <Head model={model} state={state} widths={widths} body={body} filters={filters} />
        </div>
        <div ref={sizer} className="relative" role="presentation">
          <div ref={pool} className="grid-pool" role="rowgroup" />
        </div>
      </div>
    </div>
  );
}

interface Widths {
  set: (column: number, width: number) => void;
  of: (column: number) => number;
}

/** Widths as CSS variables of the grid: a drag changes one of them and no React state. */
function useWidths(
  header: Header[],
  content: { current: HTMLDivElement | null },
  body: { current: GridBody | null },
  some: boolean,
): Widths {
  const chosen = useRef(new Map<string, number>());
  const now = useRef<number[]>([]);
  const write = () => {
    const style = content.current?.style;
    if (!style) return;
    now.current.forEach((width, column) => {
      style.setProperty(`--w${column}`, `${width}px`);
    });
    const all = now.current.reduce((sum, width) => sum + width, 0);
    style.setProperty("--width", `${all}px`);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: guessed anew when the first rows came
  useLayoutEffect(() => {
    const rows = body.current?.sample() ?? [];
    now.current = header.map(
      (column, i) => chosen.current.get(column.name) ?? guessed(column, rows, i),
    );
    write();
  }, [header, some]);
  return {
    of: (column) => now.current[column] ?? WIDTH_MIN,
    set: (column, width) => {
      const rounded = Math.round(Math.max(WIDTH_MIN, Math.min(width, WIDTH_MAX)));
      now.current[column] = rounded;
      const name = header[column]?.name;
      if (name !== undefined) chosen.current.set(name, rounded);
      write();
    },
  };
}

interface HeadProps {
  model: GridModel;
  state: GridState;
  widths: Widths;
  body: { current: GridBody | null };
  filters: boolean;
}

function Head({ model, state, widths, body, filters }: HeadProps) {
  const { header, arrangement } = state;
  return (
    <>
      <div role="row" tabIndex={-1} aria-rowindex={1} className="flex h-7">
        {header.map((column, i) => (
          <Name
            // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name
            key={i}
            column={column}
            index={i}
            sort={arrangement.sort}
            onSort={(sort) => void model.arrange({ sort })}
            widths={widths}
            fitWidth={(head) => widths.set(i, body.current?.fit(i, head) ?? WIDTH_MIN)}
          />
        ))}
      </div>
      {filters && (
        <div role="row" tabIndex={-1} className="flex h-8 items-center">
          {header.map((column, i) => (
            <div
              // biome-ignore lint/suspicious/noArrayIndexKey: as above
              key={i}
              role="gridcell"
              tabIndex={-1}
              style={{ width: `var(--w${i})` }}
              className="shrink-0 px-1"
            >
              <input
                aria-label={grid.filterOf(column.name)}
                placeholder={grid.filterHint}
                spellCheck={false}
                value={arrangement.columns[i] ?? ""}
                onChange={(event) =>
                  void model.arrange({
                    columns: { ...arrangement.columns, [i]: event.target.value },
                  })
                }
                className="h-6 w-full rounded border border-edge/60 bg-surface px-1.5 font-mono text-xs placeholder:text-muted"
              />
            </div>
          ))}
        </div>
      )}
    </>
  );
}

/** What Shift with an arrow changes of a width. */
const STEP = 16;

interface NameProps {
  column: Header;
  index: number;
  sort: Order | null;
  onSort: (sort: Order | null) => void;
  widths: Widths;
  fitWidth: (head: HTMLElement | null) => void;
}

function Name({ column, index, sort, onSort, widths, fitWidth }: NameProps) {
  const name = useRef<HTMLSpanElement>(null);
  const mine = sort?.column === index ? sort : null;
  const turn = () =>
    onSort(
      !mine ? { column: index, down: false } : mine.down ? null : { column: index, down: true },
    );
  const Arrow = mine?.down ? ArrowDown : ArrowUp;
  const numeric = isNumeric(column.type);
  const keys = (event: KeyboardEvent) => {
    if (!event.shiftKey || !event.key.startsWith("Arrow")) return;
    const way = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (way) widths.set(index, widths.of(index) + way);
    else fitWidth(name.current);
    event.preventDefault();
  };
  return (
    <div
      role="columnheader"
      tabIndex={-1}
      aria-colindex={index + 1}
      aria-sort={mine ? (mine.down ? "descending" : "ascending") : "none"}
      style={{ width: `var(--w${index})` }}
      className="relative flex shrink-0 items-stretch"
    >
      <button
        type="button"
        title={`${column.name}: ${column.type}`}
        onClick={turn}
        onKeyDown={keys}
        className={`flex min-w-0 flex-1 items-center gap-1 overflow-hidden px-[9px] text-xs font-semibold outline-offset-[-2px] hover:bg-accent-soft ${numeric ? "justify-end" : ""}`}
      >
        <span ref={name} className="truncate">
          {column.name}
        </span>
        {mine && <Arrow aria-hidden size={12} className="shrink-0 text-accent" />}
      </button>
      <Handle
        name={column.name}
        index={index}
        widths={widths}
        fitWidth={() => fitWidth(name.current)}
      />
    </div>
  );
}

interface HandleProps {
  name: string;
  index: number;
  widths: Widths;
  fitWidth: () => void;
}

/** Drags the border of a column; a double click fits it. Keys: see the button of the name. */
function Handle({ name, index, widths, fitWidth }: HandleProps) {
  const start = useRef<{ x: number; width: number } | null>(null);
  return (
    <div
      aria-hidden
      title={grid.resize(name)}
      className="grid-handle"
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width: widths.of(index) };
      }}
      onPointerMove={(event) => {
        const from = start.current;
        if (from) widths.set(index, from.width + event.clientX - from.x);
      }}
      onPointerUp={() => {
        start.current = null;
      }}
      onDoubleClick={(event) => {
        event.stopPropagation();
        fitWidth();
      }}
    />
  );
}

interface Acting {
  model: GridModel;
  body: GridBody;
  mark: (row: number, column: number, extend?: boolean) => void;
  hold: () => void;
  onOpen: (row: number) => void;
}

/** What a key does in the rows; false for keys that mean nothing here. */
function pressed(event: KeyboardEvent, acting: Acting): boolean {
  const { model, body, mark, hold, onOpen } = acting;
  const { total, frozen, still, follows, header } = model.state();
  const at = body.cursorNow ?? { row: follows ? total : -1, column: 0 };
  const last = Math.max(0, total - 1);
  const go = (row: number, column = at.column) => {
    if (!total) return true;
    hold();
    const to = Math.max(0, Math.min(row, last));
    mark(to, Math.max(0, Math.min(column, header.length - 1)), event.shiftKey);
    return true;
  };
  if (event.altKey) return false;
  if (event.ctrlKey || event.metaKey) {
    if (event.key !== "a") return false;
    hold();
    mark(0, 0);
    mark(last, 0, true);
    return true;
  }
  switch (event.key) {
    case "ArrowDown":
      return go(at.row + 1);
    case "ArrowUp":
      return go(at.row - 1);
    case "ArrowRight":
      return go(Math.max(0, at.row), at.column + 1);
    case "ArrowLeft":
      return go(Math.max(0, at.row), at.column - 1);
    case "PageDown":
      return go(at.row + body.page);
    case "PageUp":
      return go(at.row - body.page);
    case "Home":
      return go(0);
    case "End":
      if (!frozen || still || !follows) return go(last);
      model.resume();
      return true;
    case " ":
      if (still) return true;
      if (frozen) model.resume();
      else hold();
      return true;
    case "Enter":
      if (body.cursorNow) onOpen(body.cursorNow.row);
      return true;
    default:
      return false;
  }
}
