// What runs in the worker: takes the page's messages, owns the feeds and the connection.
import { Feed } from "./feed";
import type { FromWorker, Place, ToWorker } from "./messages";
import { SocketWire, type World } from "./socket";
import { StreamWire } from "./streams";

/** Nobody has looked at the page for this long: streaming queries pause. */
export const PAUSE_MS = 10 * 60_000;

export class Hub {
  private feeds = new Map<string, Feed>();
  private socket: SocketWire | null = null;
  private streams: StreamWire | null = null;
  private place: Place | null = null;
  private csrf = "";
  private hidden = false;
  private callOffPause: (() => void) | null = null;

  constructor(
    private readonly tell: (message: FromWorker) => void,
    private readonly world: World,
  ) {}

  take(message: ToWorker): void {
    switch (message.op) {
      case "place":
        this.moveTo(message.place);
        break;
      case "csrf":
        this.csrf = message.token;
        break;
      case "hidden":
        this.hide(message.hidden);
        break;
      case "connect":
        this.socket?.connect(true);
        break;
      case "open":
        this.open(message);
        break;
      case "ask":
        this.ask(message);
        break;
      case "close":
        this.feeds.get(message.id)?.close();
        this.feeds.delete(message.id);
        break;
      default:
        this.toFeed(message);
    }
  }

  private toFeed(
    message: Exclude<ToWorker, { op: "place" | "csrf" | "hidden" | "connect" }>,
  ): void {
    const feed = this.feeds.get(message.id);
    if (!feed) return;
    if (message.op === "look") feed.setLook(message.look);
    else if (message.op === "cancel") feed.cancel();
    else if (message.op === "restart") feed.restart();
    else if (message.op === "shown") feed.shown(message.version);
    else if (message.op === "release") feed.release(message.frozen);
  }

  private open(message: Extract<ToWorker, { op: "open" }>): void {
    const wire = {
      subscribe: (feed: Feed, since: number) => this.wire?.subscribe(feed, since),
      unsubscribe: (id: string) => this.wire?.unsubscribe(id),
      rate: (id: string, hz: number) => this.wire?.rate(id, hz),
      taken: (id: string, n: number) => this.wire?.taken(id, n),
    };
    const { now, later } = this.world;
    const feed = new Feed(message.id, message.opening, message.look, {
      tell: this.tell,
      wire,
      now,
      later,
    });
    this.feeds.set(message.id, feed);
    feed.start(this.hidden);
  }

  private ask({ id, call, question }: Extract<ToWorker, { op: "ask" }>): void {
    try {
      const feed = this.feeds.get(id);
      if (!feed) throw new Error("This query is closed.");
      this.tell({ ev: "answer", call, answer: feed.ask(question) });
    } catch (error) {
      this.tell({ ev: "refused", call, message: (error as Error).message });
    }
  }

  private get wire() {
    return this.streams ?? this.socket;
  }

  /** Another server address (another workspace): its queries are not those of the last one. */
  private moveTo(place: Place): void {
    this.socket?.stop();
    this.streams?.stop();
    this.streams = null;
    this.place = place;
    this.socket = new SocketWire(place, this.world, {
      feeds: () => [...this.feeds.values()].filter((feed) => feed.active),
      connection: (connection) => this.tell({ ev: "connection", connection }),
      signedOut: () => this.tell({ ev: "signed_out" }),
      blocked: () => this.fallBack(),
    });
    for (const feed of this.feeds.values()) feed.broke("The workspace was changed.");
  }

  private fallBack(): void {
    if (!this.place || this.streams) return;
    this.socket?.stop();
    this.streams = new StreamWire(this.place, this.world.fetch, {
      csrf: () => this.csrf,
      signedOut: () => this.tell({ ev: "signed_out" }),
    });
    const connection = { state: "open", retryAt: 0, transport: "stream" } as const;
    this.tell({ ev: "connection", connection });
    for (const feed of this.feeds.values()) if (feed.active) feed.resubscribe();
  }

  private hide(hidden: boolean): void {
    this.hidden = hidden;
    this.callOffPause?.();
    this.callOffPause = null;
    for (const feed of this.feeds.values()) {
      feed.setHidden(hidden);
      if (!hidden) feed.resume();
    }
    if (hidden) {
      this.callOffPause = this.world.later(PAUSE_MS, () => {
        for (const feed of this.feeds.values()) feed.pause();
      });
    }
  }
}
