// The lower half of the page: what the statements of the tab gave, in tabs.
import { lazy, type ReactNode, Suspense, useEffect, useMemo } from "react";
import type { Catalog } from "@/editor/catalog";
import { type Live, useLiveState } from "@/live/useLive";
import { query } from "@/text/query";
import { Badge, Status } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { oneLine } from "@/ui/format";
import { Skeleton } from "@/ui/Skeleton";
import { Tabs } from "@/ui/Tabs";
import { Examples } from "./Examples";
import { Messages } from "./Messages";
import { NoRows } from "./NoRows";
import { GridTab } from "./results/GridTab";
import { StatisticsTab } from "./results/StatisticsTab";
import { StatusLine } from "./results/StatusLine";
import { cancelTab } from "./run";
import { change, type QueryTab, type Result, type View } from "./tabs";

const t = query.result;
const Plan = lazy(() => import("./Plan"));
const Chart = lazy(() => import("./ChartTab"));

interface Props {
  tab: QueryTab;
  catalog: Catalog | undefined;
}

export function Results({ tab, catalog }: Props) {
  const result = tab.results.find((one) => one.id === tab.shown) ?? tab.results.at(-1);
  useOnScreen(tab, result);
  // A new run keeps the tabs where they are, and a choice among them holds for its result.
  const awaited = !result && tab.busy && tab.awaitsRows;
  if (!result && !awaited && !tab.messages.length)
    return !tab.sql.trim() && catalog ? (
      <Examples catalog={catalog} />
    ) : (
      <div className="flex h-full flex-col items-center justify-center gap-1 p-4 text-center text-muted">
        <p className="text-sm">{t.none}</p>
        <p className="text-xs">{t.noneWhy}</p>
      </div>
    );
  return (
    <Tabs
      label={t.tabs}
      value={result || awaited ? tab.view : "messages"}
      onChange={(view) => change(tab.id, { view: view as View })}
      className="h-full"
      tabs={awaited ? beforeRows(tab) : contents(tab, result)}
      extra={result?.live && <State live={result.live} streaming={result.streaming} />}
    />
  );
}

/** The tabs while the first result of a run is on its way. */
function beforeRows(tab: QueryTab) {
  const labels = { table: t.table, chart: t.chart, plan: t.plan, statistics: t.statistics };
  const waiting = Object.entries(labels).map(([value, label]) => ({
    value,
    label,
    content: <Skeleton />,
  }));
  return [...waiting, messagesOf(tab)];
}

function messagesOf(tab: QueryTab) {
  return {
    value: "messages",
    label: (
      <>
        {t.messages}
        <span className="text-xs text-muted">{tab.messages.length || ""}</span>
      </>
    ),
    content: <Messages tab={tab} />,
  };
}

function contents(tab: QueryTab, result: Result | undefined) {
  const live = result?.live;
  const messages = messagesOf(tab);
  if (!result || !live) return [messages];
  const waiting = <Skeleton />;
  return [
    {
      value: "table",
      label: t.table,
      content: (
        <Framed tab={tab} result={result}>
          <NoRows tab={tab} result={result} />
          <div className="min-h-0 flex-1">
            <GridTab key={result.id} live={live} sql={result.sql} />
          </div>
        </Framed>
      ),
    },
    {
      value: "chart",
      label: t.chart,
      content: (
        <Framed tab={tab} result={result}>
          <Suspense fallback={waiting}>
            <Chart key={result.id} live={live} sql={result.sql} />
          </Suspense>
        </Framed>
      ),
    },
    {
      value: "plan",
      label: t.plan,
      content: (
        <Framed tab={tab} result={result}>
          <Suspense fallback={waiting}>
            <Plan key={result.id} live={live} />
          </Suspense>
        </Framed>
      ),
    },
    {
      value: "statistics",
      label: t.statistics,
      content: (
        <Framed tab={tab} result={result}>
          <StatisticsTab key={result.id} live={live} />
        </Framed>
      ),
    },
    messages,
  ];
}

/** The chooser of statements above, the counts below. */
function Framed({ tab, result, children }: { tab: QueryTab; result: Result; children: ReactNode }) {
  return (
    <div className="flex h-full min-h-0 flex-col">
      {tab.results.length > 1 && <Chooser tab={tab} shown={result.id} />}
      {tab.coach && <Coach tab={tab} />}
      <div className="flex min-h-0 flex-1 flex-col">{children}</div>
      {result.live && <StatusLine key={result.id} live={result.live} />}
    </div>
  );
}

function Chooser({ tab, shown }: { tab: QueryTab; shown: string }) {
  return (
    <div
      role="group"
      aria-label={t.statement}
      className="flex shrink-0 gap-1 overflow-x-auto border-b border-line px-2 py-1"
    >
      {tab.results.map((result, n) => (
        <button
          key={result.id}
          type="button"
          aria-pressed={result.id === shown}
          title={result.sql}
          onClick={() => change(tab.id, { shown: result.id })}
          className={cx(
            "max-w-64 shrink-0 truncate rounded px-2 py-0.5 font-mono text-xs",
            result.id === shown ? "bg-accent-soft" : "text-muted hover:bg-accent-soft",
          )}
        >
          {n + 1} · {oneLine(result.sql)}
        </button>
      ))}
    </div>
  );
}

function Coach({ tab }: { tab: QueryTab }) {
  return (
    <div
      role="note"
      className="flex shrink-0 flex-wrap items-center gap-2 border-b border-info/40 bg-info-soft px-3 py-1"
    >
      <span>{query.coach}</span>
      <Button
        onClick={() => {
          cancelTab(tab.id);
          change(tab.id, { coach: false });
        }}
      >
        {query.coachCancel}
      </Button>
      <Button look="quiet" onClick={() => change(tab.id, { coach: false })}>
        {query.coachDone}
      </Button>
    </div>
  );
}

/** Announced when it changes: started, failed, finished. */
function State({ live, streaming }: { live: Live; streaming: boolean }) {
  const { status, limited } = useLiveState(live);
  return (
    <span role="status" className="flex shrink-0 items-center gap-1.5 px-2">
      {streaming && <Badge tone="info">{query.message.live}</Badge>}
      {limited && <Badge tone="warn">{query.message.limited}</Badge>}
      <Status value={status} />
    </span>
  );
}

/** Only what is on screen is sent to the page; the others keep their rows in the worker. */
function useOnScreen(tab: QueryTab, result: Result | undefined): void {
  const lives = useMemo(() => tab.results.map((one) => one.live), [tab.results]);
  useEffect(() => {
    for (const live of lives) live?.look({ visible: live === result?.live });
    return () => {
      for (const live of lives) live?.look({ visible: false });
    };
  }, [lives, result]);
}
