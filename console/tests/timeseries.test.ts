// Logic of the time-series page: knowledge time, labels, axes, what lies in the address.
import { describe, expect, it } from "vitest";
import type { Value } from "@/pages/timeseries/calls";
import {
  asKnownAt,
  heat,
  iso,
  knownTimes,
  newestPart,
  parseLabels,
} from "@/pages/timeseries/knowledge";
import { ticks, timeTicks } from "@/pages/timeseries/scale";
import { readSearch } from "@/pages/timeseries/search";

const row = (known: string, valid: string, value: number | null): Value => ({
  known_time: `2025-01-01T${known}:00:00+00:00`,
  valid_time: `2025-01-02T${valid}:00:00+00:00`,
  value,
});
const ROWS = [row("06", "12", 2), row("00", "12", 1), row("06", "11", 5), row("12", "12", null)];

describe("knowledge", () => {
  it("lists times of knowledge once, the oldest first", () => {
    expect(knownTimes(ROWS).map((one) => one.slice(11, 13))).toEqual(["00", "06", "12"]);
  });

  it("shows what was known at a time, and nothing that came later", () => {
    const at = (hour: string) =>
      asKnownAt(ROWS, `2025-01-01T${hour}:00:00Z`).map((one) => [
        one.valid_time.slice(11, 13),
        one.value,
      ]);
    expect(at("05")).toEqual([["12", 1]]);
    expect(at("06")).toEqual([
      ["11", 5],
      ["12", 2],
    ]);
    expect(at("12")).toEqual([
      ["11", 5],
      ["12", null],
    ]);
  });

  it("makes a heat table with the newest knowledge on top, bounded", () => {
    const shown = heat(ROWS, 2, 5);
    expect(shown.known.map((one) => one.slice(11, 13))).toEqual(["12", "06"]);
    expect(shown.cell(shown.known[1] ?? "", shown.valid[1] ?? "")).toBe(2);
    expect(shown.cell(shown.known[0] ?? "", shown.valid[0] ?? "")).toBeUndefined();
    expect([shown.low, shown.high, shown.bounded]).toEqual([1, 5, true]);
  });

  it("reads the newest part of a long series and all of a short one", () => {
    const extent = { first: "2025-01-01T00:00:00Z", last: "2025-01-11T00:00:00Z" };
    expect(newestPart({ ...extent, count: 100 }, 100)).toEqual({});
    expect(newestPart({ ...extent, count: 1000 }, 100)).toEqual({
      from: "2025-01-10T00:00:00.000Z",
    });
  });

  it("understands labels and says what is none", () => {
    expect(parseLabels("site=north, area=a=b")).toEqual({ site: "north", area: "a=b" });
    expect(parseLabels(" ")).toEqual({});
    expect(parseLabels("site")).toBeNull();
    expect(parseLabels("=x")).toBeNull();
  });

  it("takes times of SQL as UTC", () => {
    expect(iso("2025-01-02 12:00:00.000000")).toBe("2025-01-02T12:00:00.000000Z");
    expect(iso("2025-01-02T12:00:00+00:00")).toBe("2025-01-02T12:00:00+00:00");
    expect(iso(null)).toBe("");
  });
});

describe("axes", () => {
  it("writes round numbers", () => {
    expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(ticks(-0.12, 0.13, 5)).toEqual([-0.1, -0.05, 0, 0.05, 0.1]);
    expect(ticks(3, 3, 5)).toEqual([3]);
  });

  it("writes round times and never more than asked for", () => {
    const from = Date.parse("2025-01-01T00:07:00Z");
    const found = timeTicks(from, from + 4 * 3_600_000, 8);
    expect(found.map((at) => new Date(at).getMinutes() % 30)).toEqual(found.map(() => 0));
    expect(found.length).toBeLessThanOrEqual(9);
    expect(timeTicks(0, 40 * 365 * 86_400_000, 8).length).toBeLessThanOrEqual(9);
  });
});

describe("the address", () => {
  it("keeps what the page knows", () => {
    expect(readSearch({ tab: "series", id: 3, offset: 50, other: 1 })).toEqual({
      tab: "series",
      id: 3,
      offset: 50,
    });
    expect(readSearch({ offset: -1 })).toEqual({});
  });
});
