// Reads an event stream (text/event-stream) of a response, chunk by chunk.

export interface StreamEvent {
  /** "" for an event without a name. */
  event: string;
  data: string;
}

/** Takes text as it comes and gives the events that are complete. */
export class EventParser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private started = false;

  push(chunk: string): StreamEvent[] {
    let text = this.rest + chunk;
    if (!this.started && text) {
      this.started = true;
      if (text.startsWith("\ufeff")) text = text.slice(1);
    }
    const events: StreamEvent[] = [];
    const returns = text.includes("\r");
    let from = 0;
    for (;;) {
      const end = lineEnd(text, from, returns);
      if (!end) break;
      this.line(text.slice(from, end.at), events);
      from = end.next;
    }
    this.rest = text.slice(from);
    return events;
  }

  private line(line: string, events: StreamEvent[]): void {
    if (!line) {
      if (this.data.length) events.push({ event: this.event, data: this.data.join("\n") });
      this.event = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
  }
}

interface LineEnd {
  at: number;
  next: number;
}

/** Where a line ends (LF, CR or CRLF) and the next begins; null while that is not known. */
function lineEnd(text: string, from: number, returns: boolean): LineEnd | null {
  const lf = text.indexOf("\n", from);
  const until = lf < 0 ? text.length : lf;
  const cr = returns ? text.indexOf("\r", from) : -1;
  if (cr >= 0 && cr < until) {
    // The LF of a CRLF may be the first character of the next chunk.
    if (cr + 1 === text.length) return null;
    return { at: cr, next: text[cr + 1] === "\n" ? cr + 2 : cr + 1 };
  }
  return lf < 0 ? null : { at: lf, next: lf + 1 };
}

/** All events of a body. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const parser = new EventParser();
  const reader = body.getReader();
  const text = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(text.decode(value, { stream: true }));
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}
