// The tab's one socket: all subscriptions on it, with reconnection, until it proves to be blocked.
import { decodeFrame } from "./decode";
import type { Feed, Wire } from "./feed";
import type { Place } from "./messages";
import type { ClientMessage, ServerMessage } from "./protocol";
import type { LiveConnection } from "./types";

export const BACK_OFF_MS = 500;
export const BACK_OFF_MAX_MS = 15_000;
const PING_MS = 20_000;
/** Nothing heard for this long, though pings were sent: the connection is dead. */
const SILENCE_MS = 50_000;
/** Kept without a subscription for the next page, which opens its queries in a moment. */
const IDLE_MS = 30_000;
/** Handshakes refused while the server answers calls: something on the way lets no socket through. */
const BLOCKED_AFTER = 2;
const BLOCKED_AFTER_OPEN = 5;
/** The session is over (RFC 6455 leaves 4000 and up to applications). */
export const SIGNED_OUT = 4401;

export interface World {
  now: () => number;
  later: (ms: number, then: () => void) => () => void;
  random: () => number;
  open: (url: string) => WebSocket;
  fetch: typeof fetch;
}

export interface SocketEvents {
  /** Feeds that want rows. */
  feeds: () => Feed[];
  connection: (connection: LiveConnection) => void;
  signedOut: () => void;
  /** Sockets do not get through here. */
  blocked: () => void;
}

/** How long to wait before the attempt after `failures`: 0.5 to 15 s, never all tabs at once. */
export function backOff(failures: number, random: number): number {
  const most = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** (failures + 1));
  return Math.round(BACK_OFF_MS + random * (most - BACK_OFF_MS));
}

export class SocketWire implements Wire {
  private socket: WebSocket | null = null;
  private isOpen = false;
  private everOpen = false;
  private failures = 0;
  private refusals = 0;
  private subscriptions = 0;
  /** A feed has another name on the wire in each run, so that late frames of the last one fall away. */
  private feeds = new Map<string, Feed>();
  private names = new Map<string, string>();
  private callOff: (() => void) | null = null;
  private callOffPing: (() => void) | null = null;
  private heardAt = 0;
  private idleSince = 0;
  private stopped = false;

  constructor(
    private readonly place: Place,
    private readonly world: World,
    private readonly events: SocketEvents,
  ) {}

  // -- what feeds ask for ------------------------------------------------------------------------

  subscribe(feed: Feed, since: number): void {
    if (!this.isOpen) {
      this.connect();
      return;
    }
    this.subscriptions += 1;
    const id = `${feed.id}.${this.subscriptions}`;
    this.feeds.set(id, feed);
    this.names.set(feed.id, id);
    const { sql, name, tags, delivery } = feed.opening;
    const message: ClientMessage = {
      op: "sub",
      id,
      sql,
      max_hz: feed.hz,
      max_rows: feed.batchRows,
    };
    if (delivery) message.mode = delivery;
    if (name) message.name = name;
    if (tags?.length) message.tags = tags;
    if (since > 0) message.since = since;
    this.send(message);
  }

  unsubscribe(feedId: string): void {
    const id = this.names.get(feedId);
    this.names.delete(feedId);
    if (!id) return;
    this.feeds.delete(id);
    this.send({ op: "unsub", id });
  }

  rate(feedId: string, hz: number): void {
    const id = this.names.get(feedId);
    if (id) this.send({ op: "rate", id, max_hz: hz });
  }

  taken(feedId: string, n: number): void {
    const id = this.names.get(feedId);
    if (id) this.send({ op: "ack", id, n });
  }

  private send(message: ClientMessage): void {
    if (this.isOpen) this.socket?.send(JSON.stringify(message));
  }

  // -- the connection ----------------------------------------------------------------------------

  /** Connects unless it is open or being opened; an attempt that is waited for is made now. */
  connect(now = false): void {
    if (this.socket || this.stopped || (this.callOff && !now)) return;
    this.callOff?.();
    this.callOff = null;
    this.say("connecting", 0);
    const socket = this.world.open(this.place.socket);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => this.heard(event.data as ArrayBuffer | string);
    socket.onclose = (event) => {
      if (this.socket === socket) void this.closed(event.code);
    };
  }

  /** Closes for good. */
  stop(): void {
    this.stopped = true;
    this.callOff?.();
    this.callOffPing?.();
    const { socket } = this;
    this.socket = null;
    this.isOpen = false;
    socket?.close();
  }

  private opened(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.isOpen = true;
    this.everOpen = true;
    this.failures = 0;
    this.refusals = 0;
    this.heardAt = this.world.now();
    this.say("open", 0);
    for (const feed of this.events.feeds()) feed.resubscribe();
    this.ping();
  }

  private ping(): void {
    this.callOffPing = this.world.later(PING_MS, () => {
      const { socket } = this;
      if (!socket || !this.isOpen) return;
      const idle = !this.events.feeds().length;
      if (idle && this.idleSince && this.world.now() - this.idleSince > IDLE_MS) {
        this.socket = null;
        this.isOpen = false;
        socket.close();
        this.say("idle", 0);
        return;
      }
      this.idleSince = idle ? this.idleSince || this.world.now() : 0;
      if (this.world.now() - this.heardAt > SILENCE_MS) {
        socket.close();
        void this.closed(1006);
        return;
      }
      this.send({ op: "ping" });
      this.ping();
    });
  }

  private heard(frame: ArrayBuffer | string): void {
    this.heardAt = this.world.now();
    const message: ServerMessage = decodeFrame(frame);
    if (message.ev === "pong") return;
    if (message.ev === "error" && !message.id) {
      // Mostly a word about a query that ended while it was on its way.
      console.debug("the server refused a message:", message.error.message);
      return;
    }
    const { id } = message;
    const feed = id ? this.feeds.get(id) : undefined;
    if (!feed || !id) return;
    if (message.ev === "end" || message.ev === "error") {
      this.feeds.delete(id);
      if (this.names.get(feed.id) === id) this.names.delete(feed.id);
    }
    feed.take(message);
  }

  private async closed(code: number): Promise<void> {
    const wasOpen = this.isOpen;
    const asked = new Set([...this.feeds.values()]);
    this.socket = null;
    this.isOpen = false;
    this.feeds.clear();
    this.names.clear();
    this.callOffPing?.();
    if (!this.events.feeds().length) return this.say("idle", 0);
    if (code === SIGNED_OUT) return this.signedOut(asked);
    const wait = backOff(this.failures, this.world.random());
    this.failures += 1;
    const retryAt = this.world.now() + wait;
    this.say("waiting", retryAt);
    for (const feed of this.events.feeds()) feed.lost(retryAt, asked.has(feed));
    this.callOff = this.world.later(wait, () => {
      this.callOff = null;
      this.connect();
    });
    if (!wasOpen) await this.why();
  }

  /** A handshake failed: is the server away, the session over, or are sockets not let through? */
  private async why(): Promise<void> {
    let status = 0;
    try {
      status = (await this.world.fetch(this.place.probe, { credentials: "same-origin" })).status;
    } catch {
      return;
    }
    if (this.stopped || this.isOpen) return;
    if (status === 401 || status === 403) {
      this.callOff?.();
      this.callOff = null;
      return this.signedOut(new Set());
    }
    if (status !== 200) return;
    this.refusals += 1;
    if (this.refusals >= (this.everOpen ? BLOCKED_AFTER_OPEN : BLOCKED_AFTER))
      this.events.blocked();
  }

  /** Nothing is tried before somebody has signed in. */
  private signedOut(asked: Set<Feed>): void {
    this.say("waiting", 0);
    for (const feed of this.events.feeds()) feed.lost(0, asked.has(feed));
    this.events.signedOut();
  }

  private say(state: LiveConnection["state"], retryAt: number): void {
    this.events.connection({ state, retryAt, transport: "socket" });
  }
}
