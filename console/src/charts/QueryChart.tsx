// The chart of a query's result with its form beside it; changes redraw, they never run the query anew.
import { LayoutDashboard, Settings2 } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { type Live, useLiveState, useSnapshot } from "@/live/useLive";
import { charts } from "@/text/charts";
import { Button } from "@/ui/Button";
import { ChartForm } from "./ChartForm";
import { AsTable, ChartView } from "./ChartView";
import type { Viz } from "./config";
import { guess } from "./guess";
import { hzOf, lookOf } from "./look";
import { useSize } from "./useSize";
import type { Column, Row } from "./values";

interface Props {
  /** The query that runs (or ran); this view says what it looks at while it is shown. */
  live: Live;
  /** What the reader chose; null: guessed from the result. */
  config: Viz | null;
  onConfig: (viz: Viz) => void;
  /** Snapshots a second. */
  hz?: number;
  /** Called with what is drawn; shows the button. */
  onAdd?: ((viz: Viz) => void) | undefined;
  onZoom?: (from: number, to: number) => void;
  extra?: ReactNode;
}

// Rows by which a guess is made; more of them change it no more.
const GUESS_ROWS = 200;

export function QueryChart({ live, config, onConfig, hz = 10, onAdd, onZoom, extra }: Props) {
  const { header, status } = useLiveState(live);
  const snapshot = useSnapshot(live);
  const [ref, size] = useSize();
  const [form, setForm] = useState(true);
  const [asTable, setAsTable] = useState(false);
  const guessed = useGuess(live, header, snapshot.rows);
  const viz = config ?? guessed;
  const look = useMemo(
    () =>
      viz
        ? lookOf(viz, header, size.width)
        : { maxRows: GUESS_ROWS, mode: { kind: "all" as const }, series: null },
    [viz, header, size.width],
  );
  useEffect(() => {
    const rows = config ? look.maxRows : Math.max(look.maxRows, GUESS_ROWS);
    live.look({ ...look, maxRows: rows, hz: viz ? hzOf(viz, hz) : hz, visible: true, from: "end" });
  }, [live, look, hz, viz, config]);
  const running = status === "starting" || status === "running" || status === "reconnecting";
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-1 border-b border-line px-2 py-1">
        <Button look="quiet" icon={Settings2} aria-pressed={form} onClick={() => setForm(!form)}>
          {charts.settings}
        </Button>
        <AsTable on={asTable} onChange={setAsTable} />
        {extra}
        {onAdd && viz && (
          <Button className="ml-auto" icon={LayoutDashboard} onClick={() => onAdd(viz)}>
            {charts.addToDashboard}
          </Button>
        )}
      </div>
      <div className="flex min-h-0 flex-1 flex-col sm:flex-row">
        <div ref={ref} className="min-h-40 min-w-0 flex-1">
          {viz && (
            <ChartView
              title={charts.ofQuery}
              columns={header}
              rows={snapshot.rows}
              series={snapshot.series}
              viz={viz}
              live={running}
              asTable={asTable}
              onConfig={onConfig}
              onZoom={onZoom}
            />
          )}
        </div>
        {form && viz && (
          <section
            aria-label={charts.settings}
            className="max-h-64 shrink-0 overflow-auto border-t border-line p-2.5 sm:max-h-none sm:w-60 sm:border-t-0 sm:border-l"
          >
            <ChartForm viz={viz} columns={header} rows={snapshot.rows} onChange={onConfig} />
          </section>
        )}
      </div>
    </div>
  );
}

/** The guess by the rows so far; once there are enough it stays, so that the chart does not jump. */
function useGuess(live: Live, header: Column[], rows: Row[]): Viz | null {
  const [kept, setKept] = useState<{ of: Live; viz: Viz; rows: number } | null>(null);
  const mine = kept?.of === live ? kept : null;
  const better =
    header.length > 0 && (!mine || (mine.rows < GUESS_ROWS && rows.length > mine.rows));
  const next = useMemo(() => (better ? guess(header, rows) : null), [better, header, rows]);
  useEffect(() => {
    if (!next) return;
    const same = mine && JSON.stringify(mine.viz) === JSON.stringify(next);
    setKept({ of: live, viz: same ? mine.viz : next, rows: rows.length });
  }, [live, next, mine, rows.length]);
  return mine?.viz ?? next;
}
