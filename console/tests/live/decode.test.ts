// Frames, cells, times, event streams.
import { describe, expect, test } from "vitest";
import { cellTime, decodeFrame, parseExactly, shortCell, sizeOf } from "@/live/decode";
import { EventParser, readEvents } from "@/live/sse";
import { CELL_MAX, isCut } from "@/live/types";

describe("frames", () => {
  test("a binary frame is a message", () => {
    const frame = new TextEncoder().encode('{"ev":"data","id":"q1.1","n":1,"rows":[["é",1]]}');
    expect(decodeFrame(frame.buffer as ArrayBuffer)).toEqual({
      ev: "data",
      id: "q1.1",
      n: 1,
      rows: [["é", 1]],
    });
  });

  test("integers that a double cannot hold keep their digits", () => {
    const long = "[[18446744073709551615,-9223372036854775808,9007199254740993]]";
    // Node 20 gives revivers no source text; a browser of this year does.
    const seen: string[] = [];
    JSON.parse("1", (...args: unknown[]) => {
      seen.push((args[2] as { source?: string } | undefined)?.source ?? "");
      return args[1];
    });
    const [row] = parseExactly(long) as [unknown[]];
    if (seen[0]) {
      expect(row).toEqual(["18446744073709551615", "-9223372036854775808", "9007199254740993"]);
    }
    expect(row).toHaveLength(3);
    expect(parseExactly("[1.0000000000000002, 12]")).toEqual([1.0000000000000002, 12]);
  });
});

describe("cells", () => {
  test("long texts are cut with a mark, others are not", () => {
    expect(shortCell("x".repeat(CELL_MAX))).toBe("x".repeat(CELL_MAX));
    const cut = shortCell("x".repeat(CELL_MAX + 1));
    expect(cut).toBe(`${"x".repeat(CELL_MAX)}…`);
    expect(isCut(cut)).toBe(true);
    expect(isCut(shortCell("x".repeat(CELL_MAX)))).toBe(false);
    expect(isCut(shortCell("😀".repeat(CELL_MAX)))).toBe(true);
    expect(isCut(shortCell(`x${"😀".repeat(CELL_MAX)}`))).toBe(true);
  });

  test("arrays and objects become text", () => {
    expect(shortCell([1, "a", null])).toBe('[1,"a",null]');
    expect(shortCell({ a: { b: 1 } })).toBe('{"a":{"b":1}}');
    expect(shortCell(null)).toBe(null);
    expect(shortCell(false)).toBe(false);
  });

  test("a row's size grows with its texts", () => {
    expect(sizeOf(["x".repeat(1000)])).toBeGreaterThan(2000);
    expect(sizeOf([[["x".repeat(1000)]]])).toBeGreaterThan(2000);
  });

  test("times as the API writes them", () => {
    expect(cellTime("2026-01-01 10:00:00")).toBe(Date.UTC(2026, 0, 1, 10));
    expect(cellTime("2026-01-01 10:00:00.123")).toBe(Date.UTC(2026, 0, 1, 10, 0, 0, 123));
    expect(cellTime("2026-01-01T10:00:00.5Z")).toBe(Date.UTC(2026, 0, 1, 10, 0, 0, 500));
    expect(cellTime("2026-01-01 10:00:00+01:30")).toBe(Date.UTC(2026, 0, 1, 8, 30));
    expect(cellTime("2026-01-01")).toBe(Date.UTC(2026, 0, 1));
    expect(cellTime(1_767_261_600)).toBe(1_767_261_600_000);
    expect(cellTime(1_767_261_600_000)).toBe(1_767_261_600_000);
    expect(cellTime("soon")).toBeNaN();
    expect(cellTime("2026-01-01 10:00:00 o'clock")).toBeNaN();
  });
});

const STREAM = [
  ": a comment\n",
  "event: query\n",
  'data: {"id":"1"}\n\n',
  "data: [[1,\n",
  "data: 2]]\n\n",
  "event: metrics\ndata: {}\n",
  "id: 7\n\n",
  "event: lonely\n\n",
  "data: [[3]]\n\n",
].join("");

const EVENTS = [
  { event: "query", data: '{"id":"1"}' },
  { event: "", data: "[[1,\n2]]" },
  { event: "metrics", data: "{}" },
  { event: "", data: "[[3]]" },
];

describe("event streams", () => {
  test("events split anywhere, with each kind of line end", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = STREAM.replaceAll("\n", end);
      for (let size = 1; size <= text.length; size += 1) {
        const parser = new EventParser();
        const events = [];
        for (let at = 0; at < text.length; at += size) {
          events.push(...parser.push(text.slice(at, at + size)));
        }
        // A last lone CR could be half of a CRLF: it ends the line with what follows.
        events.push(...parser.push(end === "\r" ? "\n" : ""));
        expect(events).toEqual(EVENTS);
      }
    }
  });

  test("letters split across chunks of bytes", async () => {
    const bytes = new TextEncoder().encode('\ufeffdata: [["é😀"]]\n\n');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const events = [];
    for await (const event of readEvents(body)) events.push(event);
    expect(events).toEqual([{ event: "", data: '[["é😀"]]' }]);
  });
});
