// A panel at work: its query, what of it is looked at, its snapshot.
import { useEffect, useMemo, useRef, useState } from "react";
import { type Viz, vizOf } from "@/charts/config";
import { hzOf, lookOf } from "@/charts/look";
import { useFirstGuess } from "@/charts/useFirstGuess";
import { type LiveResult, PANEL_HZ, useLive, useSnapshot } from "@/live/useLive";
import { useBoardContext } from "./context";
import { type BoardPanel, markdownOf } from "./format";
import { type PanelSql, usePanelSql } from "./usePanelSql";

// What "View data" shows.
export const DATA_ROWS = 500;
const GUESS_ROWS = 50;

export interface PanelAtWork {
  sql: PanelSql;
  live: LiveResult;
  viz: Viz;
}

interface Options {
  width: number;
  visible: boolean;
  paused: boolean;
  /** Rows are looked at as a table. */
  data: boolean;
}

export function usePanel(
  panel: BoardPanel,
  { width, visible, paused, data }: Options,
): PanelAtWork {
  const { runs } = useBoardContext();
  const named = vizOf(panel.viz);
  const text = panel.vizType === "markdown" ? markdownOf(panel).sql : panel.content;
  const sql = usePanelSql(text);
  // The query is asked for when the panel comes on screen first.
  const [seen, setSeen] = useState(visible);
  if (visible && !seen) setSeen(true);
  const typed = panel.vizType === "markdown" || !!named.chartType;
  const [guessed, setGuessed] = useState<Viz | null>(null);
  const key = JSON.stringify(panel.viz);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the settings
  const viz = useMemo<Viz>(() => {
    if (panel.vizType === "markdown") return { ...named, chartType: "md" };
    return typed ? named : (guessed ?? { chartType: "table", config: {} });
  }, [key, panel.vizType, guessed]);
  const [columns, setColumns] = useState<LiveResult["header"]>([]);
  const windowMs = sql.span ? sql.span.to - sql.span.from : sql.windowMs;
  const look = useMemo(() => {
    const found = lookOf(viz, columns, width, windowMs);
    const least = data ? DATA_ROWS : typed ? 1 : GUESS_ROWS;
    return { ...found, maxRows: Math.max(found.maxRows, least) };
  }, [viz, columns, width, windowMs, data, typed]);
  const live = useLive({
    sql: sql.sql,
    enabled: seen,
    name: panel.title || undefined,
    tags: TAGS,
    hz: hzOf(viz, PANEL_HZ),
    visible: visible && !paused,
    ...look,
  });
  useEffect(() => setColumns(live.header), [live.header]);
  // The rows are read by what shows them: the frame and its menu are not drawn with each snapshot.
  const { rows } = useSnapshot(typed ? null : live.live);
  const ended = live.status === "finished" || live.status === "canceled";
  const found = useFirstGuess(!typed, live.header, rows, ended);
  if (found !== guessed) setGuessed(found);
  const ran = useRef(runs);
  useEffect(() => {
    if (ran.current !== runs) live.restart();
    ran.current = runs;
  }, [runs, live.restart]);
  return { sql, live, viz };
}

const TAGS = ["dashboard"];
