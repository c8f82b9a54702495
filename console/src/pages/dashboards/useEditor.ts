// The edit of a dashboard: what it is now, undo and redo, whether it is saved.
import { useCallback, useMemo, useState } from "react";
import type { Dashboard } from "@/api/types";
import { type Viz, withViz } from "@/charts/config";
import { boardOf } from "./boards";
import { type Board, type BoardPanel, bodyOf, COLUMNS, type Position } from "./format";
import { begin, type History, push, redo, undo } from "./history";
import { freePlace } from "./layout";

export interface Editor {
  board: Board;
  dirty: boolean;
  canUndo: boolean;
  canRedo: boolean;
  undo: () => void;
  redo: () => void;
  /** Back to what is stored. */
  reset: (dashboard: Dashboard) => void;
  change: (make: (board: Board) => Board) => void;
  panel: (id: string, make: (panel: BoardPanel) => BoardPanel) => void;
  place: (places: Map<string, Position>) => void;
}

export function useEditor(dashboard: Dashboard): Editor {
  const [saved, setSaved] = useState(dashboard);
  const [history, setHistory] = useState<History<Board>>(() => begin(boardOf(dashboard)));
  const reset = useCallback((now: Dashboard) => {
    setSaved(now);
    setHistory(begin(boardOf(now)));
  }, []);
  const change = useCallback(
    (make: (board: Board) => Board) => setHistory((old) => push(old, make(old.now))),
    [],
  );
  const panel = useCallback(
    (id: string, make: (panel: BoardPanel) => BoardPanel) =>
      change((board) => ({
        ...board,
        panels: board.panels.map((one) => (one.id === id ? make(one) : one)),
      })),
    [change],
  );
  const place = useCallback(
    (places: Map<string, Position>) =>
      change((board) =>
        samePlaces(board, places)
          ? board
          : { ...board, panels: board.panels.map((one) => moved(one, places)) },
      ),
    [change],
  );
  const dirty = useMemo(
    () => JSON.stringify(bodyOf(history.now)) !== JSON.stringify(bodyOf(boardOf(saved))),
    [history.now, saved],
  );
  return {
    board: history.now,
    dirty,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    undo: useCallback(() => setHistory(undo), []),
    redo: useCallback(() => setHistory(redo), []),
    reset,
    change,
    panel,
    place,
  };
}

function same(a: Position, b: Position | undefined): boolean {
  return !b || (a.x === b.x && a.y === b.y && a.w === b.w && a.h === b.h);
}

function samePlaces(board: Board, places: Map<string, Position>): boolean {
  return board.panels.every((panel) => same(panel.position, places.get(panel.id)));
}

function moved(panel: BoardPanel, places: Map<string, Position>): BoardPanel {
  const position = places.get(panel.id);
  return position && !same(panel.position, position) ? { ...panel, position } : panel;
}

// -- changes of a board ---------------------------------------------------------------------------

export function withPanel(board: Board, panel: BoardPanel): Board {
  const found = board.panels.some((one) => one.id === panel.id);
  const panels = found
    ? board.panels.map((one) => (one.id === panel.id ? panel : one))
    : [...board.panels, panel];
  return { ...board, panels };
}

export function withoutPanel(board: Board, id: string): Board {
  return { ...board, panels: board.panels.filter((panel) => panel.id !== id) };
}

/** A copy beside or below it. */
export function withCopy(board: Board, id: string): Board {
  const panel = board.panels.find((one) => one.id === id);
  if (!panel) return board;
  const { w, h } = panel.position;
  const grid = board.panels.filter((one) => one.vizType !== "control");
  return withPanel(board, { ...panel, id: crypto.randomUUID(), position: freePlace(grid, w, h) });
}

export function withMove(board: Board, id: string, by: Partial<Position>): Board {
  const panels = board.panels.map((panel) => {
    if (panel.id !== id) return panel;
    const at = panel.position;
    const w = Math.min(COLUMNS, Math.max(1, at.w + (by.w ?? 0)));
    const h = Math.max(1, at.h + (by.h ?? 0));
    const x = Math.min(COLUMNS - w, Math.max(0, at.x + (by.x ?? 0)));
    return { ...panel, position: { x, y: Math.max(0, at.y + (by.y ?? 0)), w, h } };
  });
  return { ...board, panels };
}

export function newPanel(vizType: "chart" | "markdown" | "control", board: Board): BoardPanel {
  const grid = board.panels.filter((one) => one.vizType !== "control");
  const size = vizType === "control" ? { w: 3, h: 1 } : { w: 6, h: 4 };
  return {
    id: crypto.randomUUID(),
    title: "",
    description: "",
    position: freePlace(grid, size.w, size.h),
    positionRest: {},
    vizType,
    content: "",
    viz:
      vizType === "markdown"
        ? { mdString: "" }
        : vizType === "control"
          ? { chartType: "selector", config: { label: "", target: "", inlineValues: "" } }
          : {},
    rest: {},
  };
}

/** A panel of a query. */
export function chartPanel(of: {
  title: string;
  sql: string;
  viz: Viz;
  position: Position;
}): BoardPanel {
  return {
    id: crypto.randomUUID(),
    title: of.title,
    description: "",
    position: of.position,
    positionRest: {},
    vizType: "chart",
    content: of.sql,
    viz: withViz({}, of.viz),
    rest: {},
  };
}
