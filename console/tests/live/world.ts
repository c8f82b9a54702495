// A clock, a socket and a page for tests of the worker: time passes when the test says so.
import { Hub } from "@/live/hub";
import type { FromWorker, Question } from "@/live/messages";
import type { ClientMessage, LiveQuery, Row, ServerMessage } from "@/live/protocol";
import { ALL, type Counts, type LiveState, type Look, type Snapshot } from "@/live/types";

const START = Date.UTC(2026, 0, 1, 10);

export class FakeSocket {
  binaryType = "blob";
  sent: ClientMessage[] = [];
  closed = false;
  answersPings = true;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  send(text: string): void {
    const message = JSON.parse(text) as ClientMessage;
    this.sent.push(message);
    if (message.op === "ping" && this.answersPings) this.say({ ev: "pong" });
  }

  close(): void {
    this.closed = true;
  }

  say(message: ServerMessage): void {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    this.onmessage?.({ data: bytes.buffer as ArrayBuffer });
  }

  last<T extends ClientMessage["op"]>(op: T): Extract<ClientMessage, { op: T }> {
    const found = this.sent.findLast((message) => message.op === op);
    if (!found) throw new Error(`no ${op} was sent: ${JSON.stringify(this.sent)}`);
    return found as Extract<ClientMessage, { op: T }>;
  }
}

export const LOOK: Look = {
  maxRows: 3,
  from: "end",
  hz: 10,
  visible: true,
  series: null,
  mode: ALL,
};

export class World {
  time = START;
  timers = new Set<{ at: number; then: () => void }>();
  sockets: FakeSocket[] = [];
  told: FromWorker[] = [];
  calls: { url: string; init?: RequestInit }[] = [];
  answer: (url: string, init?: RequestInit) => Promise<Response> = async () => {
    throw new TypeError("no server");
  };
  /** Whether the page draws each snapshot as it comes. */
  draws = true;
  hub: Hub;
  private asked = 0;

  constructor() {
    this.hub = new Hub((message) => this.hear(message), {
      now: () => this.time,
      later: (ms, then) => {
        const timer = { at: this.time + ms, then };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      random: () => 0.5,
      open: () => {
        this.sockets.push(new FakeSocket());
        return this.socket as unknown as WebSocket;
      },
      fetch: ((url: string, init?: RequestInit) => {
        this.calls.push({ url, init });
        return this.answer(url, init);
      }) as typeof fetch,
    });
    const place = { socket: "ws://x/ws", queries: "http://x/queries", probe: "http://x/session" };
    this.hub.take({ op: "place", place });
    this.hub.take({ op: "csrf", token: "secret" });
  }

  private hear(message: FromWorker): void {
    this.told.push(structuredClone(message));
    if (message.ev === "snapshot" && this.draws) {
      const { version } = message.snapshot;
      queueMicrotask(() => this.hub.take({ op: "shown", id: message.id, version }));
    }
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** Lets time pass, timers in their order. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settled();
      const due = [...this.timers].filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.then();
    }
    this.time = end;
    await settled();
  }

  open(sql = "select * from s", look: Partial<Look> = {}, bufferRows = 1_000, id = "q1"): void {
    this.hub.take({ op: "open", id, opening: { sql, bufferRows }, look: { ...LOOK, ...look } });
  }

  /** Opens a query and the socket; the server answers with its header. */
  async running(options: { streaming?: boolean; look?: Partial<Look>; header?: string[] } = {}) {
    this.open("select * from s", options.look);
    this.socket.onopen?.();
    this.begin(options);
    await settled();
  }

  begin(options: { streaming?: boolean; header?: string[]; restarted?: boolean } = {}): void {
    const { streaming = true, header = ["t", "v"], restarted } = options;
    const { id } = this.socket.last("sub");
    this.socket.say({ ev: "query", id, query: query(streaming, header), restarted });
  }

  private n = 0;

  rows(...rows: Row[]): void {
    this.n += 1;
    this.socket.say({ ev: "data", id: this.socket.last("sub").id, n: this.n, rows });
  }

  lose(code = 1006): void {
    this.socket.onclose?.({ code });
  }

  state(id = "q1"): LiveState {
    const found = this.told.findLast((one) => one.ev === "state" && one.id === id);
    return (found as Extract<FromWorker, { ev: "state" }>).state;
  }

  get snapshots(): Snapshot[] {
    return this.told.flatMap((one) =>
      one.ev === "snapshot" && one.id === "q1" ? [one.snapshot] : [],
    );
  }

  get snapshot(): Snapshot {
    return this.snapshots.at(-1)!;
  }

  get counts(): Counts {
    const found = this.told.findLast((one) => one.ev === "snapshot" || one.ev === "counts");
    return (found as Extract<FromWorker, { ev: "counts" }>).counts;
  }

  /** A question of the page: its answer, or the refusal's text. */
  ask(question: Question, id = "q1"): unknown {
    this.asked += 1;
    this.hub.take({ op: "ask", id, call: this.asked, question });
    const found = this.told.findLast((one) => one.ev === "answer" || one.ev === "refused");
    return found?.ev === "answer" ? found.answer : (found as { message: string }).message;
  }
}

/** What was begun and needs no time is done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
  await new Promise((done) => setImmediate(done));
}

export function query(
  streaming: boolean,
  header: string[],
  more: Partial<LiveQuery> = {},
): LiveQuery {
  return {
    id: "server-1",
    status: "running",
    message: "",
    analysis: { is_streaming: streaming },
    result: {
      header: header.map((name) => ({ name, type: name === "t" ? "datetime64(3)" : "int64" })),
    },
    timeColumns: { eventTime: header.indexOf("t"), windowStart: -1, windowEnd: -1 },
    ...more,
  } as LiveQuery;
}
