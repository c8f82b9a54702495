// One query in the worker: what the server says of it becomes state, counts and snapshots.
import { Again } from "./again";
import { Buckets } from "./buckets";
import { cellTime } from "./decode";
import { FrozenRows, pageOf } from "./frozen";
import type { Answer, FromWorker, Opening, Question } from "./messages";
import { Meter } from "./meter";
import type { LiveQuery, Refusal, Row, ServerMessage } from "./protocol";
import { Store } from "./store";
import { type LiveState, type Look, NO_ROWS, type Snapshot, type Status } from "./types";

/** Rows of one batch: ten batches a second of these are more than any screen shows. */
export const BATCH_ROWS_MAX = 5_000;
/** A page nobody looks at. */
export const HIDDEN_HZ = 1;
/** A page is slow when, on average, it draws a snapshot later than this many of its intervals. */
// Its answer while an engine starts; asked again so often, at most so long.
const BUSY_CODE = 429;
const BUSY_MS = 1_500;
const BUSY_MAX_MS = 120_000;
// How the server ends queries that it would go on with: its own stop.
const STOPPING_CODE = 503;
// By then its socket is closed, and the next one asks; an engine that stopped alone is back.
const STOPPED_MS = 5_000;
const LATE = 2;
const LATENESS_SHARE = 0.2;
/** How many snapshots the page may still hold on to when it says "freeze". */
const SEEN_MAX = 3;

/** What a feed asks of the connection. */
export interface Wire {
  subscribe: (feed: Feed, since: number) => void;
  unsubscribe: (id: string) => void;
  rate: (id: string, hz: number) => void;
  taken: (id: string, n: number) => void;
}

export interface Around {
  tell: (message: FromWorker) => void;
  wire: Wire;
  now: () => number;
  /** Calls later; gives what calls it off. */
  later: (ms: number, then: () => void) => () => void;
}

interface Seen {
  version: number;
  rows: Row[];
  snapshot: Snapshot;
}

const FIRST: LiveState = {
  status: "starting",
  query: null,
  header: [],
  streaming: null,
  error: null,
  metrics: null,
  restarted: 0,
  notice: "",
  retryAt: 0,
  limited: false,
};

/** Statements that may be sent a second time when nobody knows whether they ran. */
const READS = /^\s*(\(|select\b|with\b|from\b|explain\b|show\b|describe\b|desc\b)/i;
const COMMENTS = /^(\s*(--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/))+/;

export class Feed {
  state: LiveState = FIRST;
  private meter: Meter;
  private store: Store;
  /** Rows of a run that will take the place of those shown. */
  private next: Store | null = null;
  private nextIsNew = false;
  private series: Buckets | null = null;
  private frozen = new Map<number, FrozenRows>();
  private seen: Seen[] = [];
  private version = 0;
  private changed = false;
  private inFlight = 0;
  private sentAt = 0;
  private slow = false;
  private lateness = 0;
  private callOff: (() => void) | null = null;
  private hidden = false;
  private lastEventMs = 0;
  private eventColumn = -1;
  private again: Again | null = null;
  private lostAt = 0;

  constructor(
    readonly id: string,
    readonly opening: Opening,
    private look: Look,
    private readonly around: Around,
  ) {
    this.meter = new Meter(around.now());
    this.store = new Store(opening.bufferRows, look.mode);
  }

  get active(): boolean {
    const { status } = this.state;
    return status === "starting" || status === "running" || status === "reconnecting";
  }

  /** Batches a second to ask the server for. */
  get hz(): number {
    return this.hidden ? HIDDEN_HZ : this.look.hz;
  }

  get batchRows(): number {
    return Math.min(BATCH_ROWS_MAX, this.opening.bufferRows);
  }

  start(hidden: boolean): void {
    this.hidden = hidden;
    this.tellState();
    this.around.wire.subscribe(this, 0);
  }

  // -- from the server ---------------------------------------------------------------------------

  take(message: ServerMessage): void {
    if (!this.active) return;
    switch (message.ev) {
      case "query":
        this.began(message.query, message.restarted === true);
        break;
      case "data":
        this.rows(message.rows);
        this.around.wire.taken(this.id, message.n);
        break;
      case "metrics":
        this.lastEventMs = Math.max(this.lastEventMs, message.metrics.last_event_time);
        this.update({ metrics: message.metrics });
        this.dirty();
        break;
      case "dropped":
        this.meter.add(0, message.rows, this.around.now());
        this.dirty();
        break;
      case "error":
        this.refused(message.error);
        break;
      case "end":
        this.ended(message.query);
    }
  }

  private began(query: LiveQuery, restarted: boolean): void {
    const streaming = query.analysis.is_streaming;
    const header = query.result.header;
    this.eventColumn = query.timeColumns.eventTime;
    const { query: before } = this.state;
    const goesOn = this.lostAt > 0 && streaming && !restarted && before !== null;
    const anew = !goesOn && before !== null && !this.nextIsNew;
    const restarts = this.state.restarted + (anew ? 1 : 0);
    this.update({
      status: "running",
      query,
      header,
      streaming,
      restarted: restarts,
      retryAt: 0,
      error: null,
    });
    if (goesOn) this.store.mark("gap", this.lostAt, this.around.now());
    else {
      this.next = new Store(this.opening.bufferRows, this.look.mode);
      this.next.use(header);
      this.again = null;
      this.lastEventMs = 0;
      if (streaming || before === null) this.swap(anew ? "restarted" : null);
    }
    this.nextIsNew = false;
    this.lostAt = 0;
    this.dirty();
  }

  /** The rows of the new run are shown from now on. */
  private swap(mark: "restarted" | null): void {
    if (!this.next) return;
    this.next.follow(this.store.ring.next);
    if (mark) this.next.mark(mark, this.lostAt, this.around.now());
    this.store = this.next;
    this.next = null;
    this.rebuildSeries();
    this.dirty();
  }

  private rows(rows: Row[]): void {
    const now = this.around.now();
    const store = this.next ?? this.store;
    let fresh = rows;
    if (this.again) {
      fresh = this.again.without(rows);
      if (now > this.again.until) this.again = null;
    }
    const bounded = this.state.streaming === false;
    const limit = bounded && this.look.mode.kind === "all" && !this.look.series;
    let kept = fresh.length;
    for (let i = 0; i < fresh.length; i += 1) {
      const row = fresh[i]!;
      if (limit && store.ring.full) {
        kept = i;
        break;
      }
      store.push(row);
      if (!this.next) this.series?.push(row);
    }
    this.meter.add(kept, fresh.length - kept, now);
    this.time(fresh[kept - 1], now);
    if (kept < fresh.length) {
      this.around.wire.unsubscribe(this.id);
      this.over("finished", null, { limited: true });
    }
    this.dirty();
  }

  private time(newest: Row | undefined, now: number): void {
    if (!newest) return;
    if (this.eventColumn < 0) {
      this.meter.happened(this.lastEventMs || Number.NaN, now);
      return;
    }
    const at = cellTime(newest[this.eventColumn]);
    if (Number.isFinite(at)) this.lastEventMs = Math.max(this.lastEventMs, at);
    this.meter.happened(at, now);
  }

  /** What ran before waits for a server that is still starting. */
  private refused(error: Refusal): void {
    if (!this.lostAt || error.code !== BUSY_CODE || this.around.now() - this.lostAt > BUSY_MAX_MS) {
      this.over("failed", error);
      return;
    }
    this.askLater(BUSY_MS);
  }

  private askLater(ms: number): void {
    const { lostAt } = this;
    this.around.later(ms, () => {
      if (this.state.status === "reconnecting" && this.lostAt === lostAt) this.resubscribe();
    });
  }

  private ended(query: LiveQuery): void {
    const { status } = query;
    // The server stops, or its engine: the query goes on when it is there again.
    if (status === "canceled" && query.code === STOPPING_CODE && this.state.streaming) {
      this.lost(0, true);
      this.askLater(STOPPED_MS);
      return;
    }
    const message = query.message.replace(/^code \d+: /, "");
    const failed = status === "failed" || (status === "canceled" && query.code);
    const error = failed ? { code: query.code ?? 1, message } : null;
    this.over(status === "running" ? "finished" : status, error, { query });
  }

  private over(status: Status, error: Refusal | null, more: Partial<LiveState> = {}): void {
    const { query } = this.state;
    const record =
      query?.status === "running" && (status === "canceled" || status === "finished")
        ? { ...query, status }
        : query;
    // What a new run gave takes the place of the old rows; a run that was refused has none.
    if (this.next && status !== "failed") this.swap(null);
    this.next = null;
    this.lostAt = 0;
    this.update({ query: record, status, error, retryAt: 0, notice: "", ...more });
    this.dirty();
  }

  // -- from the connection -----------------------------------------------------------------------

  /** The connection is gone; what runs waits for the next one. `asked`: the server had the SQL. */
  lost(retryAt: number, asked: boolean): void {
    if (!this.active) return;
    if (asked && !reads(this.opening.sql)) {
      const message =
        "The connection was lost before the statement ended. Whether it was done is not known.";
      this.over("failed", { code: 1, message });
      return;
    }
    if (!this.lostAt) this.lostAt = this.around.now();
    this.update({ status: "reconnecting", retryAt });
    this.dirty();
  }

  /** Asks again, where the rows ended if they are known by their time. */
  resubscribe(): void {
    const { streaming } = this.state;
    const since = streaming ? this.lastEventMs : 0;
    this.again =
      since > 0 && this.eventColumn >= 0
        ? new Again(this.store.ring.list(), this.eventColumn, since, this.around.now())
        : null;
    this.around.wire.subscribe(this, since);
  }

  /** The fallback: rows come by an event stream; `queued`: it waits for its turn. */
  noticed(notice: LiveState["notice"]): void {
    if (this.state.notice !== notice) this.update({ notice });
  }

  /** An event stream broke; it is not asked for again before somebody says so. */
  broke(message: string): void {
    if (this.active) this.over("failed", { code: 1, message });
  }

  // -- from the page -----------------------------------------------------------------------------

  setLook(look: Look): void {
    const before = this.look;
    const hz = this.hz;
    this.look = look;
    if (JSON.stringify(before.mode) !== JSON.stringify(look.mode)) {
      this.store.setMode(look.mode);
      this.next?.setMode(look.mode);
    }
    if (JSON.stringify(before.series) !== JSON.stringify(look.series)) this.rebuildSeries();
    if (hz !== this.hz && this.active) this.around.wire.rate(this.id, this.hz);
    this.callOff?.();
    this.callOff = null;
    this.dirty();
  }

  setHidden(hidden: boolean): void {
    if (this.hidden === hidden) return;
    const hz = this.hz;
    this.hidden = hidden;
    if (hz !== this.hz && this.active) this.around.wire.rate(this.id, this.hz);
    if (!hidden) {
      this.callOff?.();
      this.callOff = null;
      this.dirty();
    }
  }

  /** Nobody has looked for long: the server need not work for it. */
  pause(): void {
    if (!this.active || this.state.streaming !== true) return;
    this.around.wire.unsubscribe(this.id);
    this.lostAt = this.around.now();
    this.update({ status: "paused" });
  }

  resume(): void {
    if (this.state.status !== "paused") return;
    this.update({ status: "reconnecting", retryAt: 0 });
    this.resubscribe();
  }

  cancel(): void {
    if (!this.active && this.state.status !== "paused") return;
    this.around.wire.unsubscribe(this.id);
    this.over("canceled", null);
  }

  /** The same SQL again. The rows shown stay until those of the new run take their place. */
  restart(): void {
    if (this.active) this.around.wire.unsubscribe(this.id);
    const { query, header, streaming, restarted } = this.state;
    this.meter = new Meter(this.around.now());
    this.nextIsNew = true;
    this.lostAt = 0;
    this.again = null;
    this.state = { ...FIRST, query, header, streaming, restarted };
    this.tellState();
    this.around.wire.subscribe(this, 0);
  }

  /** Forgets everything; the server's query ends. */
  close(): void {
    if (this.active) this.around.wire.unsubscribe(this.id);
    this.state = { ...this.state, status: "canceled" };
    this.callOff?.();
    this.frozen.clear();
  }

  ask(question: Question): Answer {
    if (question.what === "freeze") return this.freeze(question.version, question.frozen);
    const held = this.frozen.get(question.frozen);
    if (question.what === "rows") {
      const { from, to, full } = question;
      if (held) return held.page(from, to, full);
      const rows = this.store.list();
      return pageOf(rows.slice(from, to), from, rows.length, this.store.seq, full);
    }
    if (!held) throw new Error("These rows are not held any more.");
    if (question.what === "arrange") return held.arrange(question.arrangement);
    return held.text(question.format, question.from, question.to, question.table);
  }

  private freeze(version: number, number: number): Answer {
    const seen = this.seen.find((one) => one.version === version) ?? this.picture();
    const { snapshot, rows } = seen;
    const seq = snapshot.seq < 0 ? -1 : snapshot.seq - snapshot.from;
    const held = new FrozenRows(rows, this.state.header, seq, snapshot.marks);
    this.frozen.set(number, held);
    return held.info();
  }

  release(number: number): void {
    this.frozen.delete(number);
  }

  // -- to the page -------------------------------------------------------------------------------

  private update(change: Partial<LiveState>): void {
    this.state = { ...this.state, ...change };
    this.tellState();
  }

  private tellState(): void {
    this.around.tell({ ev: "state", id: this.id, state: this.state });
  }

  private rebuildSeries(): void {
    const { series } = this.look;
    const { header } = this.state;
    this.series = series && header.length ? new Buckets(series, header) : null;
    if (this.series) for (const row of this.store.ring.list()) this.series.push(row);
  }

  /** Something changed: the page hears of it when its turn comes. */
  private dirty(): void {
    this.changed = true;
    const drawn = this.look.visible && !this.hidden;
    if (this.callOff || (drawn && this.inFlight)) return;
    const pause = 1000 / (drawn ? this.look.hz : HIDDEN_HZ);
    const wait = Math.max(0, this.sentAt + pause - this.around.now());
    this.callOff = this.around.later(wait, () => {
      this.callOff = null;
      this.send();
    });
  }

  private send(): void {
    this.changed = false;
    const now = this.around.now();
    this.sentAt = now;
    const { ring } = this.store;
    const counts = this.meter.counts(now, ring.length, ring.bytes, this.slow);
    if (this.state.status !== "running") counts.perSecond = 0;
    if (!this.look.visible || this.hidden) {
      this.around.tell({ ev: "counts", id: this.id, counts });
      return;
    }
    const { snapshot } = this.picture();
    this.inFlight = snapshot.version;
    this.around.tell({ ev: "snapshot", id: this.id, snapshot, counts });
  }

  /** A snapshot of now, kept for the page that may freeze it. */
  private picture(): Seen {
    this.version += 1;
    const rows = this.store.list();
    const { maxRows, from } = this.look;
    const start = Math.max(0, from === "end" ? rows.length - maxRows : Math.min(from, rows.length));
    const page = pageOf(
      rows.slice(start, start + maxRows),
      start,
      rows.length,
      this.store.seq,
      false,
    );
    const snapshot: Snapshot = {
      ...NO_ROWS,
      ...page,
      version: this.version,
      marks: this.store.marks,
      series: this.series?.snapshot() ?? null,
    };
    const seen = { version: this.version, rows, snapshot };
    this.seen = [...this.seen.slice(1 - SEEN_MAX), seen];
    return seen;
  }

  /** The page has drawn a snapshot and may get the next. */
  shown(version: number): void {
    if (version !== this.inFlight) return;
    this.inFlight = 0;
    const late = (this.around.now() - this.sentAt) / (1000 / this.look.hz);
    this.lateness += (late - this.lateness) * LATENESS_SHARE;
    this.slow = this.lateness > LATE;
    if (this.changed) this.dirty();
  }
}

function reads(sql: string): boolean {
  return READS.test(sql.replace(COMMENTS, ""));
}
