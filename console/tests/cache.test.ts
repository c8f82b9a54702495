// An answer from before a change is never shown as one from after it.
import { QueryObserver } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";

vi.stubGlobal("document", { baseURI: "http://localhost/console/", querySelector: () => null });
const { makeCache } = await import("@/api/cache");

test("a first answer from before a change is not shown", async () => {
  const cache = makeCache();
  let stored = "before";
  let answer: () => void = () => undefined;
  const observer = new QueryObserver(cache, {
    queryKey: ["values"],
    queryFn: async () => {
      const said = stored;
      if (said === "before") await new Promise<void>((done) => (answer = done));
      return said;
    },
  });
  const seen: unknown[] = [];
  const stop = observer.subscribe(({ data }) => seen.push(data));
  stored = "after";
  const refreshed = cache.invalidateQueries({ queryKey: ["values"] });
  answer();
  await refreshed;
  expect(observer.getCurrentResult().data).toBe("after");
  expect(seen).not.toContain("before");
  stop();
});
