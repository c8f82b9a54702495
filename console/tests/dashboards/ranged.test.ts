// A panel's SQL for the page's time range; layouts; undo and redo; the address.
import { expect, test } from "vitest";
import { parsePanels } from "@/pages/dashboards/format";
import { begin, push, redo, undo } from "@/pages/dashboards/history";
import { freePlace, layoutFor } from "@/pages/dashboards/layout";
import { bounded, rewound, timeColumn } from "@/pages/dashboards/ranged";
import { boardSearch } from "@/pages/dashboards/search";

test("a window of the past before what comes", () => {
  expect(rewound("SELECT * FROM s;", 300_000)).toBe("SELECT * FROM s\nSETTINGS seek_to = '-300s'");
  expect(rewound("SELECT * FROM s SETTINGS a = 1", 60_000)).toBe(
    "SELECT * FROM s SETTINGS a = 1, seek_to = '-60s'",
  );
  expect(rewound("SELECT 'settings' FROM s -- settings\n", 60_000)).toContain("\nSETTINGS seek_to");
});

test("SQL that says itself where reading begins stays as it is", () => {
  for (const sql of [
    "SELECT * FROM s SETTINGS seek_to = 'earliest'",
    "SELECT * FROM table(s)",
    "SELECT * FROM s WHERE _tp_time > now() - 1h",
  ])
    expect(rewound(sql, 60_000)).toBe(sql);
});

test("a part of history with an end", () => {
  const sql = bounded("SELECT * FROM s;", "_tp_time", 0, 1_000);
  expect(sql).toContain("FROM (\nSELECT * FROM s\n)");
  expect(sql).toContain("`_tp_time` >= to_datetime64('1970-01-01 00:00:00.000', 3, 'UTC')");
  expect(sql).toContain("< to_datetime64('1970-01-01 00:00:01.000', 3, 'UTC')");
  expect(sql).toContain("SETTINGS query_mode = 'table'");
});

test("the column that a range applies to", () => {
  const column = (name: string, type = "datetime64(3, 'UTC')") => ({ name, type });
  expect(timeColumn([column("a", "string"), column("t"), column("window_start")])).toBe(
    "window_start",
  );
  expect(timeColumn([column("t", "nullable(datetime)")])).toBe("t");
  expect(timeColumn([column("a", "string")])).toBeUndefined();
});

test("fewer columns on small screens, in the order of y, then x", () => {
  const panels = parsePanels([
    { id: "b", position: { x: 6, y: 0, w: 6, h: 4 } },
    { id: "a", position: { x: 0, y: 0, w: 6, h: 4 } },
    { id: "c", position: { x: 0, y: 4, w: 12, h: 2 } },
  ]);
  expect(layoutFor(panels, 12).map(({ i, x, y, w }) => [i, x, y, w])).toEqual([
    ["b", 6, 0, 6],
    ["a", 0, 0, 6],
    ["c", 0, 4, 12],
  ]);
  expect(layoutFor(panels, 4).map(({ i, x, y, w }) => [i, x, y, w])).toEqual([
    ["a", 0, 0, 2],
    ["b", 2, 0, 2],
    ["c", 0, 4, 4],
  ]);
  // The last of a row takes what is left of it.
  const odd = parsePanels([
    { id: "a", position: { x: 0, y: 0, w: 8, h: 4 } },
    { id: "b", position: { x: 0, y: 4, w: 8, h: 4 } },
  ]);
  expect(layoutFor(odd, 4).map(({ i, x, y, w }) => [i, x, y, w])).toEqual([
    ["a", 0, 0, 4],
    ["b", 0, 4, 4],
  ]);
  expect(layoutFor(panels, 1).map(({ i, x, y, w }) => [i, x, y, w])).toEqual([
    ["a", 0, 0, 1],
    ["b", 0, 4, 1],
    ["c", 0, 8, 1],
  ]);
});

test("new panels take the first free place", () => {
  const panels = parsePanels([{ id: "a", position: { x: 0, y: 0, w: 6, h: 4 } }]);
  expect(freePlace(panels, 6, 4)).toEqual({ x: 6, y: 0, w: 6, h: 4 });
  expect(freePlace(panels, 12, 5)).toEqual({ x: 0, y: 4, w: 12, h: 5 });
  expect(freePlace([], 3, 3)).toEqual({ x: 0, y: 0, w: 3, h: 3 });
});

test("undo and redo", () => {
  let history = push(push(begin(1), 2), 3);
  history = undo(undo(history));
  expect(history.now).toBe(1);
  expect(undo(history).now).toBe(1);
  history = redo(history);
  expect(history.now).toBe(2);
  expect(push(history, 9).future).toEqual([]);
});

test("the address says range, zone, variables, and modes; nonsense is left out", () => {
  expect(
    boardSearch({ edit: true, range: "now-1h..now", tz: "utc", kiosk: "", "var.a": "x", other: 1 }),
  ).toEqual({
    edit: true,
    kiosk: true,
    range: "now-1h..now",
    tz: "utc",
    "var.a": "x",
  });
  expect(boardSearch({ range: "yesterday-ish", tz: "mars", edit: false })).toEqual({});
});
