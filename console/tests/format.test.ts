// Numbers, sizes and ages as the console shows them.
import { describe, expect, test } from "vitest";
import { age, bytes, compact, count, time } from "../src/ui/format";

describe("numbers", () => {
  test("are grouped, and shortened only when they are long", () => {
    expect(count(1_234_567)).toBe("1,234,567");
    expect(compact(9_999)).toBe("9,999");
    expect(compact(1_234_567)).toBe("1.2M");
  });

  test("of bytes have a unit", () => {
    expect(bytes(0)).toBe("0 B");
    expect(bytes(1023)).toBe("1023 B");
    expect(bytes(1536)).toBe("1.5 KiB");
    expect(bytes(150 * 1024 * 1024)).toBe("150 MiB");
  });
});

describe("times", () => {
  test("say how long ago in one unit", () => {
    expect([0, 850, 1_500, 12_000, 180_000, 4 * 3_600_000, 2 * 86_400_000].map(age)).toEqual([
      "0 ms",
      "850 ms",
      "1.5 s",
      "12 s",
      "3 min",
      "4 h",
      "2 d",
    ]);
  });

  test("that are none are empty, and what is no time stays as it is", () => {
    expect([null, undefined, "", 0].map(time)).toEqual(["", "", "", ""]);
    expect(time("soon")).toBe("soon");
  });
});
