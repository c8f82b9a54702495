// The fallback where sockets are blocked: a POST with an event stream for each query, three at most.
import { parseExactly } from "./decode";
import type { Feed, Wire } from "./feed";
import type { Place } from "./messages";
import type { LiveQuery, Metrics, Refusal, Row } from "./protocol";
import { readEvents, type StreamEvent } from "./sse";

/** A browser opens six connections to a server; the page's calls need some of them. */
export const STREAMS_MAX = 3;

const LOST =
  "The connection was lost. Without a socket a query is not started again by itself: run it again.";

export interface StreamEvents {
  csrf: () => string;
  signedOut: () => void;
}

interface Waiting {
  feed: Feed;
  restarted: boolean;
}

export class StreamWire implements Wire {
  private running = new Map<string, AbortController>();
  private queue: Waiting[] = [];

  constructor(
    private readonly place: Place,
    private readonly fetch: typeof globalThis.fetch,
    private readonly events: StreamEvents,
  ) {}

  subscribe(feed: Feed, since: number): void {
    this.queue.push({ feed, restarted: since > 0 });
    this.pump();
  }

  unsubscribe(feedId: string): void {
    this.queue = this.queue.filter((one) => one.feed.id !== feedId);
    const controller = this.running.get(feedId);
    this.running.delete(feedId);
    controller?.abort();
    this.pump();
  }

  /** An event stream gives what the query gives: nothing is left out, nothing acknowledged. */
  rate(): void {}
  taken(): void {}

  stop(): void {
    this.queue = [];
    for (const controller of this.running.values()) controller.abort();
    this.running.clear();
  }

  private pump(): void {
    while (this.running.size < STREAMS_MAX) {
      const one = this.queue.shift();
      if (!one) break;
      const controller = new AbortController();
      this.running.set(one.feed.id, controller);
      void this.run(one, controller).finally(() => {
        if (this.running.get(one.feed.id) === controller) this.running.delete(one.feed.id);
        this.pump();
      });
    }
    for (const { feed } of this.queue) feed.noticed("queued");
  }

  private async run({ feed, restarted }: Waiting, controller: AbortController): Promise<void> {
    feed.noticed("fallback");
    const { sql, name, tags } = feed.opening;
    const mine = () => this.running.get(feed.id) === controller;
    try {
      const response = await this.fetch(this.place.queries, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          Accept: "text/event-stream",
          "X-CSRF-Token": this.events.csrf(),
        },
        body: JSON.stringify({ sql, name, tags }),
        credentials: "same-origin",
        signal: controller.signal,
      });
      if (!response.ok || !response.body) {
        const error = await refusal(response);
        if (response.status === 401) this.events.signedOut();
        if (mine()) feed.take({ ev: "error", id: feed.id, error });
        return;
      }
      let n = 0;
      for await (const event of readEvents(response.body)) {
        if (!mine()) return;
        n += 1;
        give(feed, event, n, restarted);
      }
    } catch {
      // Aborted or broken: below.
    }
    if (mine()) feed.broke(LOST);
  }
}

function give(feed: Feed, { event, data }: StreamEvent, n: number, restarted: boolean): void {
  const { id } = feed;
  const body = parseExactly(data);
  if (event === "query") {
    const query = body as LiveQuery;
    // A query that has ended at once gives one event only: it is its beginning and its end.
    if (n === 1) feed.take({ ev: "query", id, query, restarted });
    if (query.status !== "running") feed.take({ ev: "end", id, query });
  } else if (event === "metrics") feed.take({ ev: "metrics", id, metrics: body as Metrics });
  else if (event === "") feed.take({ ev: "data", id, n, rows: body as Row[] });
}

async function refusal(response: Response): Promise<Refusal> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Refusal;
  } catch {
    return { code: response.status, message: text || response.statusText };
  }
}
