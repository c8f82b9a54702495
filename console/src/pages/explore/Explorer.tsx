// One stream as a chart: what is drawn is chosen at the left and stands in the address.
import { useNavigate } from "@tanstack/react-router";
import { Code, LayoutDashboard, Link2, SquareTerminal } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { useMay } from "@/api/session";
import type { Stream } from "@/api/types";
import { useGo } from "@/app/go";
import { AsTable, ChartView } from "@/charts/ChartView";
import { hzOf, lookOf } from "@/charts/look";
import { RangePicker } from "@/charts/RangePicker";
import { between, type TimeRange } from "@/charts/timeRange";
import { useSize } from "@/charts/useSize";
import { FOCUS_HZ, useLive, useSnapshot } from "@/live/useLive";
import { AddToDashboard } from "@/pages/dashboards/AddToDashboard";
import { BoardContext, useBoardContext } from "@/pages/dashboards/context";
import { shownZone } from "@/pages/dashboards/PanelBody";
import { rangeOf, rangePart, zoneOf } from "@/pages/dashboards/search";
import { usePanelSql } from "@/pages/dashboards/usePanelSql";
import { dashboards } from "@/text/dashboards";
import { explore } from "@/text/explore";
import { Button } from "@/ui/Button";
import { CodeBlock, copyText } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { Choices } from "./Choices";
import { type ExploreSearch, explorationOf } from "./search";
import { type Exploration, sqlOf, vizOf } from "./sql";

interface Props {
  stream: Stream;
  streams: Stream[];
  search: ExploreSearch;
}

export function Explorer({ stream, streams, search }: Props) {
  const navigate = useNavigate();
  const patch = useCallback(
    (change: Partial<ExploreSearch>) =>
      void navigate({
        to: ".",
        search: ((old: ExploreSearch) => ({ ...old, ...change })) as never,
      }),
    [navigate],
  );
  const range = useMemo(() => rangeOf({ range: search.range }), [search.range]);
  const zone = zoneOf(search);
  const setRange = useCallback((now: TimeRange) => patch(rangePart(now)), [patch]);
  const onZoom = useCallback((from: number, to: number) => setRange(between(from, to)), [setRange]);
  const context = useMemo(
    () => ({ sync: "explore", range, zone, values: {}, choices: {}, runs: 0, onZoom }),
    [range, zone, onZoom],
  );
  return (
    <BoardContext.Provider value={context}>
      <Drawn {...{ stream, streams, search, patch }}>
        <RangePicker
          range={range}
          onRange={setRange}
          zone={zone}
          onZone={(now) => patch({ tz: now === "local" ? undefined : now })}
        />
      </Drawn>
    </BoardContext.Provider>
  );
}

interface DrawnProps extends Props {
  patch: (change: Partial<ExploreSearch>) => void;
  children: React.ReactNode;
}

function Drawn({ stream, streams, search, patch, children }: DrawnProps) {
  const may = useMay();
  const go = useGo();
  const [ref, size] = useSize();
  const [shown, setShown] = useState(false);
  const [adding, setAdding] = useState(false);
  const [asTable, setAsTable] = useState(false);
  const { columns } = stream;
  const what = useMemo(
    () => explorationOf(stream.name, columns, search),
    [stream.name, columns, search],
  );
  const text = useMemo(() => sqlOf(what, columns), [what, columns]);
  const viz = useMemo(() => vizOf(what), [what]);
  const { sql, error, noTime, windowMs } = usePanelSql(text);
  const [header, setHeader] = useState<{ name: string; type: string }[]>([]);
  const look = useMemo(
    () => lookOf(viz, header, size.width, windowMs),
    [viz, header, size.width, windowMs],
  );
  const live = useLive({ sql, hz: hzOf(viz, FOCUS_HZ), tags: ["explore"], ...look });
  if (live.header !== header) setHeader(live.header);
  const { rows, series } = useSnapshot(live.live);
  const failed = error ?? (live.error ? new Error(live.error.message) : null);
  const title = titleOf(what);
  const copy = () =>
    copyText(window.location.href).then(
      () => notify(dashboards.linkCopied),
      (reason: Error) => notify(reason.message, "bad"),
    );
  return (
    <Page
      fill
      title={`${explore.title}: ${stream.name}`}
      actions={
        <>
          {children}
          <Button icon={Code} aria-pressed={shown} onClick={() => setShown(!shown)}>
            {explore.showSql}
          </Button>
          {may("write:dashboard") && (
            <Button icon={LayoutDashboard} onClick={() => setAdding(true)}>
              {explore.addToDashboard}
            </Button>
          )}
          <Button look="quiet" icon={Link2} onClick={() => void copy()}>
            {explore.copyLink}
          </Button>
        </>
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-auto md:flex-row md:overflow-hidden">
        <Choices {...{ what, columns, streams, patch }} />
        <div className="flex min-h-96 min-w-0 flex-1 flex-col p-3">
          {shown && (
            <div className="mb-2">
              <CodeBlock label={explore.sql} text={sql || text} />
              <Button
                look="quiet"
                icon={SquareTerminal}
                onClick={() => go(`/query?${new URLSearchParams({ sql: sql || text })}`)}
              >
                {explore.openQuery}
              </Button>
            </div>
          )}
          {noTime && <p className="text-warn">{dashboards.panel.noTime}</p>}
          <div className="flex items-center justify-between gap-2">
            <h2 className="truncate font-medium">{title}</h2>
            <AsTable on={asTable} onChange={setAsTable} />
          </div>
          <div ref={ref} className="min-h-0 flex-1 rounded-lg border border-line bg-surface">
            {failed ? (
              <div className="px-2">
                <Failure error={failed} retry={live.restart} />
              </div>
            ) : (
              <Chart
                {...{
                  title,
                  viz,
                  header,
                  rows,
                  series,
                  asTable,
                  windowMs,
                  live,
                  zone: zoneOf(search),
                }}
              />
            )}
          </div>
        </div>
      </div>
      {adding && (
        <AddToDashboard sql={text} viz={viz} title={title} onClose={() => setAdding(false)} />
      )}
    </Page>
  );
}

/** What is drawn, in words: "average temperature of iot by location". */
function titleOf({ stream, aggregation, measure, by }: Exploration): string {
  const counted = aggregation === "count" || !measure;
  const drawn = counted
    ? explore.aggregations.count
    : aggregation === "none"
      ? measure
      : explore.drawn(explore.aggregations[aggregation], measure, aggregation === "uniq");
  return explore.of(drawn, stream, by);
}

interface ChartOf {
  title: string;
  viz: ReturnType<typeof vizOf>;
  header: { name: string; type: string }[];
  rows: ReturnType<typeof useSnapshot>["rows"];
  series: ReturnType<typeof useSnapshot>["series"];
  asTable: boolean;
  windowMs: number | undefined;
  live: ReturnType<typeof useLive>;
  zone: ReturnType<typeof zoneOf>;
}

function Chart({ title, viz, header, rows, series, asTable, windowMs, live, zone }: ChartOf) {
  const context = useBoardContext();
  return (
    <ChartView
      title={title}
      viz={viz}
      columns={header}
      rows={rows}
      series={series}
      zone={shownZone(zone, header)}
      asTable={asTable}
      windowMs={windowMs}
      live={live.status === "running" || live.status === "starting"}
      onZoom={context.onZoom}
      sync={context.sync}
    />
  );
}
