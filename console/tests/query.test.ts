// The query page's logic: rates of the plan, examples, sample streams, its address.
import { describe, expect, it } from "vitest";
import { examplesOf, streamForExamples } from "@/pages/query/examples";
import { loads, type Pipeline, places, slowest } from "@/pages/query/planLayout";
import { pace } from "@/pages/query/sample";
import { readSearch } from "@/pages/query/search";
import { tagsOf } from "@/pages/query/tags";

function pipeline(...metrics: [time: number, bytes: number][]): Pipeline {
  return {
    nodes: metrics.map(([time, bytes], id) => ({
      id,
      name: `node ${id}`,
      status: "processing",
      metric: { processing_time_ns: time, processed_bytes: bytes },
    })),
    edges: metrics.slice(1).map((_, id) => ({ from: id, to: id + 1 })),
  };
}

describe("the plan", () => {
  it("shows what happened between two readings", () => {
    const before = { at: 1_000, pipeline: pipeline([100, 0], [900, 500]) };
    const now = { at: 3_000, pipeline: pipeline([400, 2_000], [1_000, 500]) };
    const all = loads(now, before);
    expect(all.map((one) => one.share)).toEqual([0.75, 0.25]);
    expect(all.map((one) => one.bytesPerSecond)).toEqual([1_000, 0]);
    expect(slowest(all)?.id).toBe(0);
  });
  it("shows the whole life where nothing ran in between", () => {
    const reading = { at: 1_000, pipeline: pipeline([100, 0], [300, 0]) };
    expect(loads({ ...reading, at: 2_000 }, reading).map((one) => one.share)).toEqual([0.25, 0.75]);
    expect(slowest(loads({ at: 0, pipeline: pipeline([0, 0]) }, null))).toBeUndefined();
  });
  it("lays its operators out from left to right", () => {
    const at = places(pipeline([0, 0], [0, 0], [0, 0]));
    expect(at.get(0)!.x).toBeLessThan(at.get(1)!.x);
    expect(at.get(1)!.x).toBeLessThan(at.get(2)!.x);
    expect(at.get(0)!.y).toBe(at.get(2)!.y);
  });
});

describe("examples", () => {
  const object = (name: string, kind: string, ...types: string[]) => ({
    name,
    kind,
    description: "",
    event_time_column: "",
    mode: "append",
    primary_key: "",
    type: "",
    columns: types.map((type, n) => ({ name: `c ${n}`, type, kind: "", comment: "" })),
  });
  it("are written for the stream with most to show", () => {
    const objects = [
      object("a view", "view", "string", "float64"),
      object("plain", "stream", "bool"),
      object("_dlq_hot", "stream", "string", "float64"),
      object("my stream", "stream", "string", "float64"),
    ];
    const stream = streamForExamples({ functions: [], objects });
    expect(stream?.name).toBe("my stream");
    const [follow, window] = examplesOf(stream!);
    expect(follow?.sql).toBe("SELECT * FROM `my stream`");
    expect(window?.sql).toBe(
      "SELECT window_start, `c 0`, avg(`c 1`) AS average, max(`c 1`) AS highest\nFROM tumble(`my stream`, 5s)\nGROUP BY window_start, `c 0`",
    );
    expect(streamForExamples({ functions: [], objects: [objects[0]!] })).toBeUndefined();
  });
});

describe("small things", () => {
  it("make a rate of the generator's settings", () => {
    expect(pace(20)).toEqual({ interval: "50ms", batch: 1 });
    expect(pace(1)).toEqual({ interval: "1000ms", batch: 1 });
    expect(pace(10_000)).toEqual({ interval: "20ms", batch: 200 });
  });
  it("read the address, whatever the router made of it", () => {
    expect(readSearch({ sql: 1, view: "plan", run: true, other: 1 })).toEqual({
      sql: "1",
      view: "plan",
      run: true,
    });
    expect(readSearch({ view: "nothing", run: "yes", sql: "" })).toEqual({});
  });
  it("take each tag once", () => {
    expect(tagsOf(" a, b,,a ")).toEqual(["a", "b"]);
  });
});
