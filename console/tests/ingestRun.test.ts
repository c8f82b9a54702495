// The sending of batches: ids, attempts, refused rows, stopping and going on.
import { describe, expect, it } from "vitest";
import { type Batch, batchOf, type Plan, type Rejected } from "@/pages/ingest/plan";
import { Run, type State } from "@/pages/ingest/run";

const refusal = (status: number, message: string, code = 0): Error =>
  Object.assign(new Error(message), { status, code });

const plan: Plan = { csv: true, targets: [{ from: 0, name: "v", type: "int64" }] };
const batch = (...values: string[]): Batch =>
  batchOf(
    values.map((value, n) => ({ n: n + 1, body: `["${value}"]` })),
    values.length,
    plan,
  );

/** A server that keeps each id once; `answers` come before it does so. */
function setUp(batches: Batch[], answers: (Error | "lost" | null)[] = []) {
  const stored = new Map<string, number>();
  const rejected: Rejected[] = [];
  const calls: string[] = [];
  const waits: number[] = [];
  let state: State = { phase: "running", stored: 0, read: 0, rejected: 0, error: null };
  const run = new Run({
    plan,
    id: "run",
    next: async () => batches.shift() ?? null,
    post: async (body, _type, id) => {
      calls.push(id);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      const rows = (JSON.parse(body) as { data: string[][] }).data;
      const bad = rows.findIndex(([value]) => value === "bad");
      if (bad >= 0)
        throw refusal(400, `row ${bad + 1}, column 'v': cannot read 'bad' as int64`, 117);
      if (!stored.has(id)) stored.set(id, rows.length);
      if (answer === "lost") throw refusal(0, "The server cannot be reached.");
    },
    rejected: (row) => rejected.push(row),
    changed: (now) => {
      state = now;
    },
    sleep: async (ms) => void waits.push(ms),
  });
  const rows = () => [...stored.values()].reduce((n, one) => n + one, 0);
  return { run, rejected, calls, waits, rows, state: () => state };
}

describe("a run", () => {
  it("sends each batch once, also when its answer is lost", async () => {
    const one = setUp([batch("1", "2"), batch("3")], [null, "lost"]);
    await one.run.go();
    expect(one.state()).toMatchObject({ phase: "done", stored: 3, rejected: 0 });
    expect(one.rows()).toBe(3);
    expect(one.calls).toEqual(["run-0", "run-1", "run-1"]);
    expect(one.waits).toEqual([1000]);
  });
  it("leaves out the rows that the server refuses", async () => {
    const one = setUp([batch("1", "bad", "2", "bad"), batch("3")]);
    await one.run.go();
    expect(one.state()).toMatchObject({ phase: "done", stored: 3, rejected: 2 });
    expect(one.rows()).toBe(3);
    expect(one.rejected).toEqual([
      { n: 2, column: "v", reason: "cannot read 'bad' as int64", cells: ["bad"] },
      { n: 4, column: "v", reason: "cannot read 'bad' as int64", cells: ["bad"] },
    ]);
  });
  it("stops at a refusal of another kind and goes on with the same batch", async () => {
    const gone = refusal(404, "Stream 's' does not exist.", 60);
    const one = setUp([batch("1"), batch("2"), batch("3")], [null, gone]);
    await one.run.go();
    expect(one.state()).toMatchObject({ phase: "stopped", stored: 1, error: gone });
    await one.run.go();
    expect(one.state()).toMatchObject({ phase: "done", stored: 3, error: null });
    expect(one.calls).toEqual(["run-0", "run-1", "run-1", "run-2"]);
  });
  it("gives up after some attempts, and ends when it is cancelled", async () => {
    const away = () => refusal(0, "The server cannot be reached.");
    const one = setUp([batch("1")], Array.from({ length: 6 }, away));
    await one.run.go();
    expect(one.state().phase).toBe("stopped");
    expect(one.waits).toEqual([1000, 2000, 4000, 8000, 16000]);
    one.run.cancel();
    expect(one.state().phase).toBe("cancelled");
    expect(one.rows()).toBe(0);
  });
});
