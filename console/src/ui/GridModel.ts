// What the result grid shows: the newest rows while live, or rows held at one moment.
import type { Frozen } from "@/live/client";
import type { Row } from "@/live/protocol";
import type {
  Arrangement,
  Header,
  Live,
  LiveState,
  Mark,
  Page,
  Snapshot,
  UpdateMode,
} from "@/live/useLive";

const BLOCK_ROWS = 200;
const BLOCKS_MAX = 50;
const TELL_MS = 250;

export const NO_ARRANGEMENT: Arrangement = { sort: null, text: "", columns: {} };

export function isOver({ status }: LiveState): boolean {
  return status === "finished" || status === "canceled" || status === "failed";
}

export interface GridState {
  header: Header[];
  /** Whether the rows stand still. */
  frozen: boolean;
  /** The query is over: there is nothing to return to. */
  still: boolean;
  /** New rows are at the end and the view stays there; else it begins at the first row. */
  follows: boolean;
  /** Rows shown, and rows held without the filters. */
  total: number;
  all: number;
  /** Rows that came since the view was frozen. */
  newer: number;
  arrangement: Arrangement;
  marks: Mark[];
  mode: UpdateMode;
  /** Sequence number of the first row, -1 without order of arrival. */
  seq: number;
  /** Grows with each new order of the rows, which is seen from its beginning. */
  arranged: number;
  /** The last question for rows failed. */
  error: string;
}

export class GridModel {
  private now: GridState;
  private listeners = new Set<() => void>();
  private redraws = new Set<() => void>();
  private frozen: Frozen | null = null;
  private freezing: Promise<Frozen> | null = null;
  /** The snapshot on screen when the view was frozen. */
  private held: Snapshot | null = null;
  private heldKept = 0;
  private blocks = new Map<number, Row[]>();
  private asked = new Set<number>();
  /** Answers for another freezing, and rows of another arrangement, are not wanted any more. */
  private turn = 0;
  private epoch = 0;
  private toldAt = 0;
  private toldLater: ReturnType<typeof setTimeout> | undefined;
  /** The first row drawn, for the next view of it too. */
  top = 0;
  private size = 60;

  constructor(readonly live: Live) {
    this.now = {
      header: [],
      frozen: false,
      still: false,
      follows: false,
      total: 0,
      all: 0,
      newer: 0,
      arrangement: NO_ARRANGEMENT,
      marks: [],
      mode: { kind: "all" },
      seq: -1,
      arranged: 0,
      error: "",
    };
  }

  /** Begins to listen; gives what ends it. What is frozen stays so for the next view of it. */
  start(): () => void {
    const stops = [
      this.live.onState(() => this.stateChanged()),
      this.live.onSnapshot(() => this.snapshotCame()),
    ];
    this.stateChanged();
    this.snapshotCame();
    return () => {
      for (const stop of stops) stop();
      clearTimeout(this.toldLater);
      this.toldLater = undefined;
    };
  }

  state = (): GridState => this.now;

  onState = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Told when rows on screen may have changed. */
  onRows(listener: () => void): () => void {
    this.redraws.add(listener);
    return () => this.redraws.delete(listener);
  }

  private set(change: Partial<GridState>): void {
    this.now = { ...this.now, ...change };
    for (const listener of [...this.listeners]) listener();
  }

  private redraw(): void {
    for (const listener of [...this.redraws]) listener();
  }

  // -- what comes from the query -----------------------------------------------------------------

  private stateChanged(): void {
    const state = this.live.state();
    const { still, header } = this.now;
    const over = isOver(state);
    const follows = state.streaming !== false && this.now.mode.kind === "all";
    if (state.header !== header || follows !== this.now.follows) {
      this.set({ header: state.header, follows });
      this.lookFrom();
      this.redraw();
    }
    if (over && !still) {
      this.set({ still: true });
      if (!this.now.frozen) void this.hold(0);
    } else if (!over && still) {
      this.set({ still: false });
      this.resume();
    }
  }

  private snapshotCame(): void {
    if (this.held) {
      this.countNewer();
      return;
    }
    const { total, marks, seq, from } = this.live.snapshot();
    const first = seq < 0 ? -1 : seq - from;
    const before = this.now;
    this.now = { ...before, total, all: total, marks, seq: first };
    this.redraw();
    if (total !== before.total || marks.length !== before.marks.length) this.tellSoon();
  }

  private countNewer(): void {
    const { held } = this;
    if (!held || this.now.still) return;
    const snapshot = this.live.snapshot();
    const newer =
      held.seq < 0 || snapshot.seq < 0
        ? this.live.counts().kept - this.heldKept
        : snapshot.seq - snapshot.from + snapshot.total - (held.seq - held.from + held.total);
    if (newer === this.now.newer) return;
    this.now = { ...this.now, newer: Math.max(0, newer) };
    this.tellSoon();
  }

  /** Numbers change with each snapshot; texts with them are drawn a few times a second. */
  private tellSoon(): void {
    if (this.toldLater) return;
    const wait = Math.max(0, this.toldAt + TELL_MS - Date.now());
    this.toldLater = setTimeout(() => {
      this.toldLater = undefined;
      this.toldAt = Date.now();
      this.set({});
    }, wait);
  }

  // -- what is on screen -------------------------------------------------------------------------

  /** The window that is drawn: first index and number of rows. */
  show(top: number, size: number): void {
    if (top === this.top && size === this.size) return;
    this.top = top;
    this.size = size;
    if (!this.now.frozen) this.lookFrom();
  }

  private lookFrom(): void {
    this.live.look({ maxRows: this.size, from: this.now.follows ? "end" : this.top });
  }

  /** A row by its index; undefined while it is on its way. */
  row(index: number): Row | undefined {
    if (this.frozen) {
      const block = this.blocks.get(Math.floor(index / BLOCK_ROWS));
      if (block) return block[index % BLOCK_ROWS];
      this.ask(Math.floor(index / BLOCK_ROWS));
      if (this.now.arrangement !== NO_ARRANGEMENT) return undefined;
    }
    const snapshot = this.held ?? this.live.snapshot();
    return snapshot.rows[index - snapshot.from];
  }

  private ask(block: number): void {
    const { frozen, epoch } = this;
    if (!frozen || this.asked.has(block)) return;
    this.asked.add(block);
    frozen.rows(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS).then(
      ({ rows }) => {
        if (epoch !== this.epoch) return;
        this.asked.delete(block);
        this.blocks.set(block, rows);
        if (this.blocks.size > BLOCKS_MAX) {
          const [oldest] = this.blocks.keys();
          if (oldest !== undefined) this.blocks.delete(oldest);
        }
        this.redraw();
      },
      (error: Error) => epoch === this.epoch && this.set({ error: error.message }),
    );
  }

  /** The whole of some rows, cells not cut; freezes a live view first. */
  async whole(from: number, to: number): Promise<Page> {
    return (await this.freeze()).rows(from, to, true);
  }

  // -- freezing ----------------------------------------------------------------------------------

  /** Holds exactly the rows on screen and those before them; the query goes on. */
  freeze(): Promise<Frozen> {
    return this.freezing ?? this.hold(this.live.snapshot().version);
  }

  private hold(version: number): Promise<Frozen> {
    const turn = this.forget();
    this.held = this.live.snapshot();
    this.heldKept = this.live.counts().kept;
    this.set({ frozen: true, newer: 0, error: "" });
    const promise = this.live.freeze(version).then((frozen) => {
      if (turn !== this.turn) {
        frozen.release();
        throw new Error("The view is live again.");
      }
      this.frozen = frozen;
      const { total, all, marks, seq } = frozen;
      this.set({ total, all, marks, seq });
      this.redraw();
      return frozen;
    });
    promise.catch((error: Error) => turn === this.turn && this.set({ error: error.message }));
    this.freezing = promise;
    return promise;
  }

  private forget(): number {
    this.frozen?.release();
    this.frozen = null;
    this.freezing = null;
    this.held = null;
    this.emptyBlocks();
    this.turn += 1;
    return this.turn;
  }

  private emptyBlocks(): void {
    this.blocks.clear();
    this.asked.clear();
    this.epoch += 1;
  }

  /** Shows what comes; with a query that is over all its rows as they came. */
  resume(): void {
    this.forget();
    this.set({ frozen: false, newer: 0, arrangement: NO_ARRANGEMENT, error: "" });
    if (this.now.still) void this.hold(0);
    this.lookFrom();
    this.snapshotCame();
    this.redraw();
  }

  /** Sorts and filters; freezes a live view first. */
  async arrange(change: Partial<Arrangement>): Promise<void> {
    const arrangement = { ...this.now.arrangement, ...change };
    const plain =
      !arrangement.sort &&
      !arrangement.text.trim() &&
      !Object.values(arrangement.columns).some((text) => text.trim());
    this.set({ arrangement: plain ? NO_ARRANGEMENT : arrangement });
    try {
      const frozen = await this.freeze();
      const { turn } = this;
      const info = await frozen.arrange(arrangement);
      if (turn !== this.turn) return;
      this.emptyBlocks();
      const { total, all, marks, seq } = info;
      this.set({ total, all, marks, seq, arranged: this.now.arranged + 1 });
      this.redraw();
    } catch (error) {
      this.set({ error: (error as Error).message });
    }
  }

  /** All rows, or a changelog's state. */
  setMode(mode: UpdateMode): void {
    this.now = { ...this.now, mode };
    this.live.look({ mode });
    this.forget();
    const { still } = this.now;
    const follows = this.live.state().streaming !== false && mode.kind === "all";
    this.set({ frozen: false, newer: 0, arrangement: NO_ARRANGEMENT, follows });
    if (still) void this.hold(0);
    this.lookFrom();
  }
}

const models = new WeakMap<Live, GridModel>();

/** The model of a query: what is frozen, sorted and filtered outlives the view. */
export function modelOf(live: Live): GridModel {
  let model = models.get(live);
  if (!model) {
    model = new GridModel(live);
    models.set(live, model);
  }
  return model;
}
