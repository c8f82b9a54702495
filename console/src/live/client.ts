// The page's side of the worker: opens queries, hands states, snapshots and answers to their readers.
import { call, csrfToken } from "@/api/client";
import { tellContact } from "@/app/contact";
import { apiPath, socketUrl } from "@/app/place";
import type { Answer, FromWorker, Question, ToWorker } from "./messages";
import {
  ALL,
  type Arrangement,
  type Counts,
  FOCUS_HZ,
  type Format,
  type FrozenInfo,
  type LiveConnection,
  type LiveOptions,
  type LiveState,
  type Look,
  NO_COUNTS,
  NO_ROWS,
  type Page,
  type Snapshot,
} from "./types";

const BUFFER_ROWS = 10_000;
const BUFFER_ROWS_MIN = 1_000;
const BUFFER_ROWS_MAX = 100_000;
const VIEW_ROWS = 100;
/** Counts are text that is read: changing more often than this they only flicker. */
const COUNTS_MS = 250;

export const STARTING: LiveState = {
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

/** The rows held at one moment. */
export interface Frozen extends FrozenInfo {
  /** Sorts and filters; gives the number of rows that are left. */
  arrange: (arrangement: Arrangement) => Promise<FrozenInfo>;
  rows: (from: number, to: number, full?: boolean) => Promise<Page>;
  /** Rows as text, cells whole. `table` names the stream for SQL values. */
  text: (format: Format, from?: number, to?: number, table?: string) => Promise<Blob>;
  release: () => void;
}

/** A query that runs (or ran) for this page. Its methods need no `this`. */
export interface Live {
  readonly id: string;
  readonly sql: string;
  state: () => LiveState;
  snapshot: () => Snapshot;
  counts: () => Counts;
  onState: (listener: () => void) => () => void;
  onSnapshot: (listener: () => void) => () => void;
  onCounts: (listener: () => void) => () => void;
  /** Says what is on screen; what is left out stays as it is. */
  look: (change: Partial<Look>) => void;
  /** The rows held now, from..to by index; `full`: cells that are not cut. */
  rows: (from: number, to: number, full?: boolean) => Promise<Page>;
  /** Holds the rows of the given snapshot and those before it; the query goes on. */
  freeze: (version: number) => Promise<Frozen>;
  /** Ends the query at the server; the rows stay. */
  cancel: () => void;
  restart: () => void;
  /** Ends the query and forgets it; nothing is told any more. */
  close: () => void;
}

class Listeners {
  private all = new Set<() => void>();
  /** Told when the first comes and when the last goes. */
  constructor(private readonly some: () => void = () => {}) {}
  readonly add = (listener: () => void): (() => void) => {
    this.all.add(listener);
    if (this.all.size === 1) this.some();
    return () => {
      if (this.all.delete(listener) && !this.all.size) this.some();
    };
  };
  get any(): boolean {
    return this.all.size > 0;
  }
  tell(): void {
    for (const listener of [...this.all]) listener();
  }
}

interface Waiting {
  done: (answer: Answer) => void;
  failed: (error: Error) => void;
}

/** One value that changes, in the shape of useSyncExternalStore. */
export const connection = (() => {
  const listeners = new Listeners();
  let now: LiveConnection = { state: "idle", retryAt: 0, transport: "socket" };
  return {
    get: () => now,
    set: (next: LiveConnection) => {
      now = next;
      listeners.tell();
    },
    subscribe: listeners.add,
    /** Tries to connect at once. */
    retry: () => tell({ op: "connect" }),
  };
})();

const lives = new Map<string, LiveQueryOfPage>();
const waiting = new Map<number, Waiting>();
let worker: Worker | null = null;
let place = "";
let csrf = "";
let calls = 0;
let opened = 0;
let froze = 0;

function tell(message: ToWorker): void {
  worker?.postMessage(message);
}

function started(): void {
  if (!worker) {
    worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (event: MessageEvent<FromWorker>) => take(event.data);
    worker.onerror = () => broken();
    document.addEventListener("visibilitychange", () =>
      tell({ op: "hidden", hidden: document.hidden }),
    );
    tell({ op: "hidden", hidden: document.hidden });
  }
  const socket = socketUrl();
  if (socket !== place) {
    place = socket;
    const queries = new URL(apiPath("queries"), window.location.href).href;
    const probe = new URL(apiPath("auth/session"), window.location.href).href;
    tell({ op: "place", place: { socket, queries, probe } });
  }
  if (csrf !== csrfToken()) {
    csrf = csrfToken();
    tell({ op: "csrf", token: csrf });
  }
}

/** The script of the worker did not load or stopped: what runs ends, the next query starts anew. */
function broken(): void {
  worker?.terminate();
  worker = null;
  place = "";
  csrf = "";
  const message = "The part of this page that receives rows has stopped. Reload the page.";
  for (const one of waiting.values()) one.failed(new Error(message));
  waiting.clear();
  for (const live of lives.values()) {
    live.taken({ ...live.state(), status: "failed", error: { code: 1, message } });
  }
}

function take(message: FromWorker): void {
  switch (message.ev) {
    case "state":
      lives.get(message.id)?.taken(message.state);
      break;
    case "snapshot":
      lives.get(message.id)?.shown(message.snapshot, message.counts);
      break;
    case "counts":
      lives.get(message.id)?.counted(message.counts);
      break;
    case "connection":
      connection.set(message.connection);
      if (message.connection.state === "waiting") tellContact(false);
      if (message.connection.state === "open") tellContact(true);
      break;
    case "signed_out":
      void signInAgain();
      break;
    case "answer":
    case "refused": {
      const one = waiting.get(message.call);
      waiting.delete(message.call);
      if (message.ev === "answer") one?.done(message.answer);
      else one?.failed(new Error(message.message));
    }
  }
}

/** A call that finds no session opens the sign-in dialog and comes back when somebody signed in. */
async function signInAgain(): Promise<void> {
  try {
    await call("auth/session");
    started();
    tell({ op: "connect" });
  } catch {
    // Nobody signed in, or the server is away: the banner's Retry and the next query try again.
  }
}

function ask<T extends Answer>(id: string, question: Question): Promise<T> {
  return new Promise((done, failed) => {
    calls += 1;
    waiting.set(calls, { done: done as (answer: Answer) => void, failed });
    tell({ op: "ask", id, call: calls, question });
  });
}

class LiveQueryOfPage implements Live {
  readonly id: string;
  readonly sql: string;
  private now: LiveState = STARTING;
  private rowsNow: Snapshot = NO_ROWS;
  private countsNow: Counts = NO_COUNTS;
  private countsNext: Counts | null = null;
  private view: Look;
  private told = "";
  private states = new Listeners();
  /** Snapshots that nobody listens to are not made. */
  private snapshots = new Listeners(() => queueMicrotask(() => this.tellLook()));
  private countings = new Listeners();

  constructor(options: LiveOptions) {
    opened += 1;
    this.id = `q${opened}`;
    this.sql = options.sql;
    this.view = {
      maxRows: options.maxRows ?? VIEW_ROWS,
      from: options.from ?? "end",
      hz: options.hz ?? FOCUS_HZ,
      visible: options.visible ?? true,
      series: options.series ?? null,
      mode: options.mode ?? ALL,
    };
    lives.set(this.id, this);
    started();
    const asked = options.bufferRows ?? BUFFER_ROWS;
    const bufferRows = Math.min(Math.max(asked, BUFFER_ROWS_MIN), BUFFER_ROWS_MAX);
    const { sql, name, tags, delivery } = options;
    const opening = { sql, name, tags, delivery, bufferRows };
    const look = this.lookNow();
    this.told = JSON.stringify(look);
    tell({ op: "open", id: this.id, opening, look });
  }

  state = () => this.now;
  snapshot = () => this.rowsNow;
  counts = () => this.countsNow;
  onState = this.states.add;
  onSnapshot = this.snapshots.add;
  onCounts = this.countings.add;

  look = (change: Partial<Look>): void => {
    const next = { ...this.view, ...change };
    this.view = next;
    this.tellLook();
  };

  private lookNow(): Look {
    return { ...this.view, visible: this.view.visible && this.snapshots.any };
  }

  private tellLook(): void {
    const look = this.lookNow();
    const text = JSON.stringify(look);
    if (text === this.told || !lives.has(this.id)) return;
    this.told = text;
    tell({ op: "look", id: this.id, look });
  }

  rows = (from: number, to: number, full = false): Promise<Page> =>
    ask<Page>(this.id, { what: "rows", from, to, full, frozen: 0 });

  freeze = async (version: number): Promise<Frozen> => {
    froze += 1;
    const frozen = froze;
    const { id } = this;
    const info = await ask<FrozenInfo>(id, { what: "freeze", version, frozen });
    return {
      ...info,
      arrange: (arrangement) => ask<FrozenInfo>(id, { what: "arrange", arrangement, frozen }),
      rows: (from, to, full = false) => ask<Page>(id, { what: "rows", from, to, full, frozen }),
      text: (format, from = 0, to = Number.MAX_SAFE_INTEGER, table = "") =>
        ask<Blob>(id, { what: "export", format, from, to, table, frozen }),
      release: () => tell({ op: "release", id, frozen }),
    };
  };

  cancel = () => tell({ op: "cancel", id: this.id });

  restart = () => {
    started();
    tell({ op: "restart", id: this.id });
  };

  close = () => {
    lives.delete(this.id);
    tell({ op: "close", id: this.id });
  };

  taken(state: LiveState): void {
    this.now = state;
    this.states.tell();
  }

  /** The worker sends the next snapshot when this one was drawn: a busy page gets fewer. */
  shown(snapshot: Snapshot, counts: Counts): void {
    this.rowsNow = snapshot;
    this.counted(counts);
    this.snapshots.tell();
    const taken = () => tell({ op: "shown", id: this.id, version: snapshot.version });
    if (document.hidden) taken();
    else requestAnimationFrame(taken);
  }

  counted(counts: Counts): void {
    if (this.countsNext) {
      this.countsNext = counts;
      return;
    }
    this.countsNow = counts;
    this.countings.tell();
    this.countsNext = counts;
    setTimeout(() => {
      const last = this.countsNext;
      this.countsNext = null;
      if (last && last !== this.countsNow) this.counted(last);
    }, COUNTS_MS);
  }
}

/** Runs a query until `close`; see useLive for what the options mean. */
export function openLive(options: LiveOptions): Live {
  return new LiveQueryOfPage(options);
}
