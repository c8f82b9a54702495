// The tray of tasks: what runs, what is over, and how long that stays.
import { beforeEach, describe, expect, it } from "vitest";
import { dropEnded, dropTask, endTask, startTask, tasksNow } from "@/app/tasks";

const task = (id: string) => ({ id, title: id, detail: () => `${id} so far` });
const shown = () => tasksNow().map((one) => [one.id, one.state, one.detail()]);

describe("tasks", () => {
  beforeEach(() => {
    for (const one of tasksNow()) dropTask(one.id);
  });

  it("keeps what is over, with what it came to, until it is cleared", () => {
    startTask(task("a"));
    startTask(task("b"));
    endTask("a", "failed", "no such stream");
    expect(shown()).toEqual([
      ["a", "failed", "no such stream"],
      ["b", "running", "b so far"],
    ]);
    dropEnded();
    expect(shown()).toEqual([["b", "running", "b so far"]]);
    endTask("b", "done", "2 rows");
    expect(tasksNow()[0]!.ended).toBeGreaterThanOrEqual(tasksNow()[0]!.began);
  });

  it("has one of an id, which begins anew", () => {
    startTask(task("a"));
    endTask("a", "done", "");
    startTask(task("a"));
    expect(shown()).toEqual([["a", "running", "a so far"]]);
    endTask("gone", "done", "");
    expect(tasksNow()).toHaveLength(1);
  });

  it("forgets the oldest of those that are over, none that runs", () => {
    startTask(task("runs"));
    for (let n = 0; n < 30; n += 1) {
      startTask(task(`t${n}`));
      endTask(`t${n}`, "done", "");
    }
    const ids = tasksNow().map((one) => one.id);
    expect(ids).toHaveLength(21);
    expect(ids.slice(0, 2)).toEqual(["runs", "t10"]);
  });
});
