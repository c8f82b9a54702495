// What the views see of a live query: options, state, counts, snapshots.
import type { LiveQuery, Metrics, Refusal, Row, Value } from "./protocol";

/**
 * How rows become the view; applied in the worker, may change while the query runs.
 * - `all`: rows follow each other. Streaming queries keep the newest `bufferRows`, bounded ones the
 *   first; a bounded query that runs again replaces its rows at the end.
 * - `time`: only the rows with the newest value of the column `key`.
 * - `key`: the newest row of each value of the column `key`, in the order in which they came first.
 * - `state`: what a changelog amounts to: its rows without those taken back; `_tp_delta` then says
 *   how many equal ones there are.
 */
export type UpdateMode =
  | { kind: "all" }
  | { kind: "time"; key: string }
  | { kind: "key"; key: string }
  | { kind: "state" };

export const ALL: UpdateMode = { kind: "all" };

/** Snapshots a second for what has the focus, for panels of a dashboard, for lone numbers. */
export const FOCUS_HZ = 10;
export const PANEL_HZ = 4;
export const NUMBER_HZ = 1;

/** Points of a chart, made in the worker. Columns are given by name; unknown ones give nothing. */
export interface SeriesView {
  /** The column of time. */
  x: string;
  /** Columns of numbers, one line each (and for each value of `by`). */
  y: string[];
  /** Column whose values make lines of their own; beyond 20 they are folded into "other". */
  by?: string;
  /** Pixel columns of the chart; a line has at most two points in each (lowest and highest). */
  width: number;
  /** How far back from the newest row, in ms; without it everything since the start. */
  rangeMs?: number;
}

export interface Line {
  /** The column of `y`. */
  y: string;
  /** The value of `by` as text; null without `by`; the lines folded together are `other`. */
  group: string | null;
  other: boolean;
  /** One value per x; NaN where it has none. */
  values: Float64Array;
}

export interface SeriesSnapshot {
  /** Unix milliseconds, ascending. */
  x: Float64Array;
  lines: Line[];
  /** Values of `by` that were folded into the lines `other`. */
  folded: number;
}

/** What of a query is on screen. */
export interface Look {
  /** Rows of a snapshot: this many... */
  maxRows: number;
  /** ...up to the newest ("end"), or from this index on. */
  from: "end" | number;
  hz: number;
  /** False (panel scrolled away, tab of the page not shown): counts once a second, no rows. */
  visible: boolean;
  series: SeriesView | null;
  mode: UpdateMode;
}

export interface LiveOptions extends Partial<Look> {
  sql: string;
  name?: string;
  tags?: string[];
  /** Rows that the worker keeps: 1,000 to 100,000, by default 10,000 (and never over 64 MB). */
  bufferRows?: number;
  /** What the server does when this page is slow; without it `latest` for streaming queries. */
  delivery?: "latest" | "all";
}

/**
 * - `starting`: asked for, the server has not answered yet (or it waits for one of the three
 *   streams of the fallback: `notice` is then "queued").
 * - `reconnecting`: the connection is lost; what was received stays, `retryAt` says when it goes on.
 * - `paused`: the page was hidden for ten minutes; goes on by itself when it is shown.
 * - `finished`, `canceled`, `failed`: over; `error` says why it failed.
 */
export type Status =
  | "idle"
  | "starting"
  | "running"
  | "reconnecting"
  | "paused"
  | "finished"
  | "canceled"
  | "failed";

/** A line above a row: what came before it may lack rows, or belongs to another run. */
export interface Mark {
  /** Sequence number of the first row after it. */
  at: number;
  kind: "gap" | "restarted";
  /** Unix ms of both sides of the gap. */
  from: number;
  to: number;
}

export interface Header {
  name: string;
  type: string;
}

export interface LiveState {
  status: Status;
  /** The server's record: id, times, message; null before it answered. */
  query: LiveQuery | null;
  header: Header[];
  /** Whether it has no end; null before the server answered. */
  streaming: boolean | null;
  /** Why it was refused or failed; with line and column (from 1) where the server knows them. */
  error: Refusal | null;
  metrics: Metrics | null;
  /** How often the query began anew, its state lost, since it was opened. */
  restarted: number;
  /** "fallback": rows come over an event stream, without the socket. "queued": it waits for one. */
  notice: "" | "fallback" | "queued";
  /** When the next attempt to connect is made, Unix ms; 0: none is planned. */
  retryAt: number;
  /** A bounded result was longer than the buffer: it holds the first rows, the query was ended. */
  limited: boolean;
}

/** `received` is always `kept + dropped`. */
export interface Counts {
  /** Rows that the query gave for this page. */
  received: number;
  /** Rows that arrived in the worker. */
  kept: number;
  /** Rows that were left out on the way because this page was too slow, or is hidden. */
  dropped: number;
  /** Rows received in the last second. */
  perSecond: number;
  /** Rows that can be looked at now, and their size. */
  held: number;
  heldBytes: number;
  /** Time from event time of the newest row until it was here; null without event time. */
  lagMs: number | null;
  /** Unix ms of the last row's arrival; 0 before the first. */
  lastRowAt: number;
  /** The page is busy: it gets fewer snapshots a second than asked for. */
  slow: boolean;
}

/** Cells of a snapshot are cut to this many characters (and then one `…`). */
export const CELL_MAX = 512;
const CUT = CELL_MAX + 1;

/** Whether a cell of a snapshot was cut; the whole of it gives `rows(from, to, {full: true})`. */
export function isCut(cell: Value | undefined): boolean {
  return typeof cell === "string" && cell.length === CUT;
}

/** A part of the rows held: `rows[0]` has index `from` of `total`, and sequence number `seq`. */
export interface Page {
  from: number;
  total: number;
  /** Number of the row `from` since the start; -1 where rows have no order of arrival. */
  seq: number;
  rows: Row[];
}

export interface Snapshot extends Page {
  /** Grows with each change. */
  version: number;
  marks: Mark[];
  series: SeriesSnapshot | null;
}

export const NO_ROWS: Snapshot = {
  version: 0,
  from: 0,
  total: 0,
  seq: -1,
  rows: [],
  marks: [],
  series: null,
};

export const NO_COUNTS: Counts = {
  received: 0,
  kept: 0,
  dropped: 0,
  perSecond: 0,
  held: 0,
  heldBytes: 0,
  lagMs: null,
  lastRowAt: 0,
  slow: false,
};

export interface Order {
  column: number;
  down: boolean;
}

/** How frozen rows are shown. Texts are looked for without regard to case. */
export interface Arrangement {
  sort: Order | null;
  /** Rows with this text in any column. */
  text: string;
  /** Per column a text, or a comparison such as `> 30`, `!= x`, `= x`. */
  columns: Record<number, string>;
}

export type Format = "tsv" | "json" | "sql" | "csv" | "ndjson";

/** What was held at one moment, while the query goes on; the worker keeps it until `release`. */
export interface FrozenInfo {
  /** Rows after the arrangement, and without one. */
  total: number;
  all: number;
  marks: Mark[];
  /** Sequence number of the first row; -1 where rows have no order of arrival. */
  seq: number;
}

export interface LiveConnection {
  /** `waiting`: lost; `retryAt` (Unix ms) says when it is tried again. */
  state: "idle" | "connecting" | "open" | "waiting";
  retryAt: number;
  /** How rows travel. */
  transport: "socket" | "stream";
}
