// The worker against a scripted server: counts, pace, freezing, reconnection, pauses, the fallback.
import { beforeEach, describe, expect, test } from "vitest";
import { BATCH_ROWS_MAX } from "@/live/feed";
import { PAUSE_MS } from "@/live/hub";
import { backOff, SIGNED_OUT } from "@/live/socket";
import type { FrozenInfo, Page } from "@/live/types";
import { query, settled, World } from "./world";

let world: World;
beforeEach(() => {
  world = new World();
});

const at = (second: number) => `2026-01-01 10:00:${String(second).padStart(2, "0")}.000`;

describe("a running query", () => {
  test("is asked for when the socket is open, with its rate and rows", async () => {
    world.open("select 1", { hz: 4 }, 100_000);
    expect(world.state().status).toBe("starting");
    expect(world.socket.sent).toEqual([]);
    world.socket.onopen?.();
    const sub = world.socket.last("sub");
    expect(sub).toMatchObject({ sql: "select 1", max_hz: 4, max_rows: BATCH_ROWS_MAX });
    world.begin();
    expect(world.state()).toMatchObject({ status: "running", streaming: true });
    expect(world.state().header.map((column) => column.name)).toEqual(["t", "v"]);
  });

  test("received is kept + dropped, whatever comes", async () => {
    await world.running();
    for (let i = 0; i < 40; i += 1) {
      world.rows([at(1), i], [at(1), i]);
      const { id } = world.socket.last("sub");
      if (i % 3 === 0) world.socket.say({ ev: "dropped", id, rows: i, total: 0 });
      await world.pass(50);
      const { received, kept, dropped } = world.counts;
      expect(received).toBe(kept + dropped);
    }
    await world.pass(200);
    expect(world.counts).toMatchObject({ kept: 80, dropped: 273, received: 353 });
    await world.pass(5_000);
    const { id } = world.socket.last("sub");
    world.socket.say({ ev: "dropped", id, rows: 1, total: 0 });
    await world.pass(200);
    expect(world.counts.perSecond).toBeLessThanOrEqual(1);
  });

  test("the rate is rows a second; the lag is that of the newest row", async () => {
    await world.running();
    for (let i = 0; i < 30; i += 1) {
      world.rows(...Array.from({ length: 100 }, () => [at(0), i]));
      await world.pass(100);
    }
    expect(world.counts.perSecond).toBeGreaterThan(900);
    expect(world.counts.perSecond).toBeLessThan(1_100);
    expect(world.counts.lagMs).toBeGreaterThan(2_500);
    expect(world.counts.lagMs).toBeLessThan(3_100);
  });

  test("each batch is acknowledged", async () => {
    await world.running();
    world.rows([at(1), 1]);
    world.rows([at(1), 2]);
    const { id } = world.socket.last("sub");
    expect(world.socket.last("ack")).toEqual({ op: "ack", id, n: 2 });
  });

  test("snapshots hold the newest rows, ten a second at most, and wait for a busy page", async () => {
    await world.running();
    for (let i = 0; i < 100; i += 1) {
      world.rows([at(1), i]);
      await world.pass(10);
    }
    await world.pass(200);
    expect(world.snapshots.length).toBeGreaterThan(8);
    expect(world.snapshots.length).toBeLessThan(15);
    expect(world.snapshot).toMatchObject({ total: 100, from: 97, seq: 97 });
    expect(world.snapshot.rows.map((row) => row[1])).toEqual([97, 98, 99]);
    world.draws = false;
    const before = world.snapshots.length;
    for (let i = 0; i < 150; i += 1) {
      world.rows([at(1), i]);
      await world.pass(20);
    }
    expect(world.snapshots.length).toBe(before + 1);
    world.draws = true;
    world.hub.take({ op: "shown", id: "q1", version: world.snapshot.version });
    await world.pass(100);
    expect(world.snapshot.rows.at(-1)?.[1]).toBe(149);
    expect(world.counts.slow).toBe(true);
  });

  test("what is off the screen gets counts only, once a second", async () => {
    await world.running({ look: { visible: false } });
    for (let i = 0; i < 50; i += 1) {
      world.rows([at(1), i]);
      await world.pass(100);
    }
    expect(world.snapshots).toEqual([]);
    const counts = world.told.filter((one) => one.ev === "counts");
    expect(counts.length).toBeGreaterThan(3);
    expect(counts.length).toBeLessThan(8);
    world.hub.take({ op: "look", id: "q1", look: { ...lookNow(), visible: true } });
    await world.pass(100);
    expect(world.snapshot.total).toBe(50);
  });

  test("a look changes without a new query; another mode and points of a chart too", async () => {
    await world.running();
    world.rows([at(1), 1], [at(2), 2], [at(2), 3]);
    const mode = { kind: "time", key: "t" } as const;
    const series = { x: "t", y: ["v"], width: 60, rangeMs: 60_000 };
    world.hub.take({ op: "look", id: "q1", look: { ...lookNow(), mode, series, hz: 4 } });
    await world.pass(300);
    expect(world.snapshot.rows.map((row) => row[1])).toEqual([2, 3]);
    expect(world.snapshot.seq).toBe(-1);
    expect([...world.snapshot.series!.lines[0]!.values]).toEqual([1, 2, 3]);
    expect(world.socket.sent.filter((one) => one.op === "sub")).toHaveLength(1);
    expect(world.socket.last("rate").max_hz).toBe(4);
  });

  test("cancel ends it at the server; late frames change nothing", async () => {
    await world.running();
    world.rows([at(1), 1]);
    world.hub.take({ op: "cancel", id: "q1" });
    expect(world.socket.last("unsub").id).toBe(world.socket.last("sub").id);
    world.rows([at(1), 2]);
    await world.pass(300);
    expect(world.state()).toMatchObject({ status: "canceled", query: { status: "canceled" } });
    expect(world.snapshot.total).toBe(1);
  });

  test("a refusal has its place, a failure its message without the code in front", async () => {
    world.open("selct 1");
    world.socket.onopen?.();
    const { id } = world.socket.last("sub");
    const error = { code: 62, message: "what is selct", line: 1, column: 1 };
    world.socket.say({ ev: "error", id, error });
    expect(world.state()).toMatchObject({ status: "failed", error });
    world.hub.take({ op: "restart", id: "q1" });
    world.begin();
    const failed = query(true, ["t", "v"], {
      status: "failed",
      code: 241,
      message: "code 241: no memory",
    });
    world.socket.say({ ev: "end", id: world.socket.last("sub").id, query: failed });
    expect(world.state().error).toEqual({ code: 241, message: "no memory" });
  });
});

const lookNow = () => ({
  maxRows: 3,
  from: "end" as const,
  hz: 10,
  visible: true,
  series: null,
  mode: { kind: "all" as const },
});

describe("bounded queries", () => {
  test("keep their first rows and end when the buffer is full", async () => {
    await world.running({ streaming: false });
    const batch = Array.from({ length: 700 }, (_, i) => [at(0), i]);
    world.rows(...batch);
    world.rows(...batch);
    await world.pass(300);
    expect(world.state()).toMatchObject({ status: "finished", limited: true });
    expect(world.counts).toMatchObject({ received: 1_400, kept: 1_000, dropped: 400, held: 1_000 });
    expect(world.socket.last("unsub")).toBeTruthy();
    const page = world.ask({ what: "rows", from: 0, to: 1, full: true, frozen: 0 }) as Page;
    expect(page.rows).toEqual([[at(0), 0]]);
  });

  test("run again: the rows stay until the new run has ended", async () => {
    await world.running({ streaming: false });
    world.rows([at(0), 1]);
    end();
    await world.pass(200);
    world.hub.take({ op: "restart", id: "q1" });
    world.begin({ streaming: false });
    world.rows([at(0), 2]);
    await world.pass(200);
    expect(world.snapshot.rows).toEqual([[at(0), 1]]);
    end();
    await world.pass(200);
    expect(world.snapshot.rows).toEqual([[at(0), 2]]);
    expect(world.state()).toMatchObject({ status: "finished", restarted: 0 });
  });

  function end(): void {
    const done = query(false, ["t", "v"], { status: "finished" });
    world.socket.say({ ev: "end", id: world.socket.last("sub").id, query: done });
  }
});

describe("freezing", () => {
  test("holds exactly the rows of the snapshot while the buffer goes on", async () => {
    await world.running();
    for (let i = 0; i < 10; i += 1) world.rows([at(1), i]);
    await world.pass(100);
    const { version } = world.snapshot;
    world.rows(...Array.from({ length: 2_000 }, (_, i) => [at(2), 1_000 + i]));
    await world.pass(150);
    const info = world.ask({ what: "freeze", version, frozen: 1 }) as FrozenInfo;
    expect(info).toMatchObject({ total: 10, all: 10, seq: 0 });
    const page = world.ask({ what: "rows", from: 7, to: 10, full: false, frozen: 1 }) as Page;
    expect(page.rows.map((row) => row[1])).toEqual([7, 8, 9]);
    expect(page.seq).toBe(7);
    expect(world.counts.received).toBe(2_010);
    const arrangement = { sort: { column: 1, down: true }, text: "", columns: { 1: ">= 5" } };
    expect(world.ask({ what: "arrange", arrangement, frozen: 1 })).toMatchObject({
      total: 5,
      all: 10,
    });
    const text = world.ask({ what: "export", format: "tsv", from: 0, to: 2, table: "", frozen: 1 });
    expect(await (text as Blob).text()).toBe(`t\tv\n${at(1)}\t9\n${at(1)}\t8\n`);
    world.hub.take({ op: "release", id: "q1", frozen: 1 });
    expect(world.ask({ what: "arrange", arrangement, frozen: 1 })).toMatch(/not held/);
  });

  test("cells are cut on screen and whole on demand", async () => {
    await world.running();
    world.rows([at(1), "x".repeat(10_000)]);
    await world.pass(200);
    expect(String(world.snapshot.rows[0]?.[1])).toHaveLength(513);
    const page = world.ask({ what: "rows", from: 0, to: 1, full: true, frozen: 0 }) as Page;
    expect(String(page.rows[0]?.[1])).toHaveLength(10_000);
  });
});

describe("a lost connection", () => {
  test("waits 0.5 to 15 s, longer each time, and never as long as another tab", () => {
    const middle = [0, 1, 2, 3, 4, 5, 9].map((failures) => backOff(failures, 0.5));
    expect(middle).toEqual([...middle].sort((a, b) => a - b));
    for (const random of [0, 0.3, 0.999]) {
      for (let failures = 0; failures < 40; failures += 1) {
        expect(backOff(failures, random)).toBeGreaterThanOrEqual(500);
        expect(backOff(failures, random)).toBeLessThanOrEqual(15_000);
      }
    }
    expect(backOff(9, 0.2)).not.toBe(backOff(9, 0.9));
  });

  test("goes on at the last event time; rows that come again are left out; the gap is marked", async () => {
    await world.running();
    world.rows([at(1), 1], [at(2), 2], [at(2), 2]);
    await world.pass(200);
    world.lose();
    expect(world.state().status).toBe("reconnecting");
    expect(world.state().retryAt).toBeGreaterThan(world.time);
    await world.pass(1_000);
    expect(world.sockets).toHaveLength(2);
    world.socket.onopen?.();
    expect(world.socket.last("sub").since).toBe(Date.UTC(2026, 0, 1, 10, 0, 2));
    world.begin();
    world.rows([at(1), 1], [at(2), 2], [at(2), 2], [at(2), 2], [at(3), 3]);
    await world.pass(200);
    expect(world.state()).toMatchObject({ status: "running", restarted: 0 });
    const { rows } = world.ask({ what: "rows", from: 0, to: 9, full: true, frozen: 0 }) as Page;
    expect(rows.map((row) => row[1])).toEqual([1, 2, 2, 2, 3]);
    expect(world.snapshot.marks).toMatchObject([{ at: 3, kind: "gap" }]);
    expect(world.counts).toMatchObject({ received: 5, kept: 5, dropped: 0 });
  });

  test("a server that stops in order is waited for too", async () => {
    await world.running();
    world.rows([at(1), 1]);
    await world.pass(200);
    const stopped = { ...query(true, ["t", "v"]), status: "canceled" as const };
    const { id } = world.socket.last("sub");
    world.socket.say({ ev: "end", id, query: { ...stopped, code: 503, message: "stopping" } });
    expect(world.state()).toMatchObject({ status: "reconnecting", error: null });
    world.lose();
    await world.pass(1_000);
    world.socket.onopen?.();
    // Its engine takes a moment longer.
    const starting = { code: 429, message: "starting" };
    world.socket.say({ ev: "error", id: world.socket.last("sub").id, error: starting });
    expect(world.state()).toMatchObject({ status: "reconnecting", error: null });
    await world.pass(2_000);
    world.begin();
    world.rows([at(1), 1], [at(2), 2]);
    await world.pass(10_000);
    expect(world.state()).toMatchObject({ status: "running", restarted: 0 });
    expect(world.snapshot.marks).toMatchObject([{ kind: "gap" }]);
    expect(world.socket.sent.filter((message) => message.op === "sub")).toHaveLength(2);
    // Whoever asks for the first time is told.
    world.open("select * from t", {}, 1_000, "q2");
    world.socket.say({ ev: "error", id: world.socket.last("sub").id, error: starting });
    expect(world.state("q2")).toMatchObject({ status: "failed" });
  });

  test("a query with a state begins anew, with a mark", async () => {
    await world.running();
    world.rows([at(1), 1]);
    await world.pass(200);
    world.lose();
    await world.pass(1_000);
    world.socket.onopen?.();
    world.begin({ restarted: true });
    world.rows([at(1), 7]);
    await world.pass(200);
    expect(world.state()).toMatchObject({ status: "running", restarted: 1 });
    expect(world.snapshot.rows).toEqual([[at(1), 7]]);
    expect(world.snapshot.marks).toMatchObject([{ at: world.snapshot.seq, kind: "restarted" }]);
  });

  test("a statement that writes is not sent twice", async () => {
    world.open("/* copy */ insert into t select * from s");
    world.socket.onopen?.();
    world.lose();
    expect(world.state().status).toBe("failed");
    expect(world.state().error?.message).toMatch(/not known/);
  });

  test("the end of the session asks for a sign-in, and goes on after it", async () => {
    await world.running();
    world.lose(SIGNED_OUT);
    expect(world.told.at(-1)).toEqual({ ev: "signed_out" });
    await world.pass(60_000);
    expect(world.sockets).toHaveLength(1);
    world.hub.take({ op: "connect" });
    expect(world.sockets).toHaveLength(2);
    world.socket.onopen?.();
    world.begin();
    expect(world.state().status).toBe("running");
  });

  test("a dead connection is found by its silence", async () => {
    await world.running();
    await world.pass(300_000);
    expect(world.sockets).toHaveLength(1);
    world.socket.answersPings = false;
    await world.pass(90_000);
    expect(world.sockets.length).toBeGreaterThan(1);
  });
});

describe("a hidden page", () => {
  test("gets one batch a second; after ten minutes it pauses and goes on with a mark", async () => {
    await world.running();
    world.rows([at(1), 1]);
    world.hub.take({ op: "hidden", hidden: true });
    expect(world.socket.last("rate").max_hz).toBe(1);
    await world.pass(PAUSE_MS - 1);
    expect(world.state().status).toBe("running");
    await world.pass(1);
    expect(world.state().status).toBe("paused");
    expect(world.socket.last("unsub")).toBeTruthy();
    await world.pass(5_000);
    world.hub.take({ op: "hidden", hidden: false });
    await settled();
    expect(world.socket.last("sub").since).toBe(Date.UTC(2026, 0, 1, 10, 0, 1));
    world.begin();
    world.rows([at(9), 9]);
    await world.pass(200);
    expect(world.state().status).toBe("running");
    expect(world.snapshot.marks).toMatchObject([{ at: 1, kind: "gap" }]);
  });
});

describe("where sockets are blocked", () => {
  /** A server that answers calls but no sockets; streams stay open until aborted. */
  function blocked(): ReadableStreamDefaultController<Uint8Array>[] {
    const streams: ReadableStreamDefaultController<Uint8Array>[] = [];
    world.answer = async (url, init) => {
      if (url.endsWith("session")) return new Response("{}");
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          streams.push(controller);
          init?.signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
        },
      });
      return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    };
    return streams;
  }

  const said = (text: string) => new TextEncoder().encode(text);

  test("rows come by event streams, three at a time, with a notice", async () => {
    const streams = blocked();
    for (const id of ["q1", "q2", "q3", "q4"]) world.open("select * from s", {}, 1_000, id);
    world.lose();
    await world.pass(5_000);
    world.lose();
    await settled();
    expect(streams).toHaveLength(3);
    const post = world.calls.findLast((call) => call.init?.method === "POST")!;
    expect(post.init?.headers).toMatchObject({ "X-CSRF-Token": "secret" });
    expect(world.state("q1").notice).toBe("fallback");
    expect(world.state("q4").notice).toBe("queued");
    const head = JSON.stringify(query(true, ["t", "v"]));
    streams[0]!.enqueue(said(`event: query\ndata: ${head}\n\ndata: [["${at(1)}",5]]\n\n`));
    await world.pass(200);
    expect(world.state("q1").status).toBe("running");
    expect(world.snapshot.rows).toEqual([[at(1), 5]]);
    world.hub.take({ op: "cancel", id: "q2" });
    await settled();
    expect(streams).toHaveLength(4);
    expect(world.state("q4").notice).toBe("fallback");
  });

  test("a broken stream is told, and its query is not posted again", async () => {
    const streams = blocked();
    world.open();
    world.lose();
    await world.pass(5_000);
    world.lose();
    await settled();
    const head = JSON.stringify(query(true, ["t", "v"]));
    streams[0]!.enqueue(said(`event: query\ndata: ${head}\n\n`));
    await settled();
    streams[0]!.close();
    await settled();
    expect(world.state()).toMatchObject({ status: "failed" });
    expect(world.state().error?.message).toMatch(/run it again/i);
    await world.pass(60_000);
    expect(world.calls.filter((call) => call.init?.method === "POST")).toHaveLength(1);
    expect(world.sockets).toHaveLength(2);
  });

  test("a bounded query ends with its second record", async () => {
    const streams = blocked();
    world.open();
    world.lose();
    await world.pass(5_000);
    world.lose();
    await settled();
    const head = JSON.stringify(query(false, ["t", "v"]));
    const tail = JSON.stringify(query(false, ["t", "v"], { status: "finished" }));
    streams[0]!.enqueue(said(`event: query\ndata: ${head}\n\ndata: [["${at(1)}",5]]\n\n`));
    streams[0]!.enqueue(said(`event: query\ndata: ${tail}\n\n`));
    streams[0]!.close();
    await world.pass(200);
    expect(world.state()).toMatchObject({ status: "finished", error: null });
    expect(world.snapshot.total).toBe(1);
  });

  test("a server that is away is waited for, not fallen back from", async () => {
    world.open();
    for (let i = 0; i < 6; i += 1) {
      world.lose();
      await world.pass(16_000);
    }
    expect(world.sockets.length).toBe(7);
    expect(
      world.told.some((one) => one.ev === "connection" && one.connection.transport === "stream"),
    ).toBe(false);
  });
});
