// What a panel shows below its title: chart, Markdown, or what is kept of an unknown kind.
import { useMemo } from "react";
import { ChartView } from "@/charts/ChartView";
import { type Json, updateOf, type Viz, vizOf, withRange } from "@/charts/config";
import { MarkdownView } from "@/charts/MarkdownView";
import type { Span } from "@/charts/parts";
import { zoneOf } from "@/charts/values";
import { type Zone, zoneName } from "@/charts/words";
import { type LiveResult, type LiveState, type Snapshot, useSnapshot } from "@/live/useLive";
import { dashboards } from "@/text/dashboards";
import { CodeBlock } from "@/ui/Copy";
import { useBoardContext } from "./context";
import { type BoardPanel, markdownOf } from "./format";

interface Props {
  panel: BoardPanel;
  viz: Viz;
  state: LiveResult;
  asTable: boolean;
  windowMs: number | undefined;
  span: Span | undefined;
  onConfig?: ((viz: Viz) => void) | undefined;
}

/** The zone of the first column of time, for "the zone of the event". */
export function shownZone(zone: Zone, header: LiveState["header"]): string | undefined {
  return zoneName(zone, header.map((column) => zoneOf(column.type)).find(Boolean) ?? "");
}

export function PanelBody({ panel, viz, state, asTable, windowMs, span, onConfig }: Props) {
  const snapshot = useSnapshot(state.live);
  const { sync, zone, values, onZoom } = useBoardContext();
  const shown = shownZone(zone, state.header);
  const drawn = useMemo(
    () => withRange(viz, span ? span.to - span.from : windowMs),
    [viz, span, windowMs],
  );
  // The page's range is no setting of the panel.
  const put = useMemo(
    () =>
      onConfig && ((next: Viz) => onConfig({ ...next, config: ownRange(next.config, viz.config) })),
    [onConfig, viz],
  );
  if (panel.vizType === "markdown")
    return <MarkdownPanel {...{ panel, state, snapshot, values }} zone={shown} />;
  const running = ["starting", "running", "reconnecting", "paused"].includes(state.status);
  return (
    <ChartView
      title={panel.title || dashboards.untitled}
      columns={state.header}
      rows={snapshot.rows}
      series={snapshot.series}
      marks={snapshot.marks}
      viz={drawn}
      zone={shown}
      sync={sync}
      onZoom={onZoom}
      live={running}
      windowMs={windowMs}
      span={span}
      variables={values}
      asTable={asTable}
      onConfig={put}
    />
  );
}

function ownRange(next: Json, before: Json): Json {
  const { xRange: _x, temporalRange: _t, ...rest } = next;
  for (const key of ["xRange", "temporalRange"]) if (key in before) rest[key] = before[key];
  return rest;
}

type MarkdownProps = Pick<Props, "panel" | "state"> & {
  snapshot: Snapshot;
  values: Record<string, string | string[]>;
  zone: string | undefined;
};

function MarkdownPanel({ panel, state, snapshot, values, zone }: MarkdownProps) {
  const { text } = markdownOf(panel);
  const keyColumn = updateOf(vizOf(panel.viz)).key[0] ?? "";
  const source = useMemo(
    () => ({ columns: state.header, rows: snapshot.rows, keyColumn, variables: values, zone }),
    [state.header, snapshot.rows, keyColumn, values, zone],
  );
  return <MarkdownView text={text} source={source} label={panel.title || dashboards.untitled} />;
}

/** A panel of a kind that nobody here knows: shown, kept, exported as it came. */
export function RawPanel({ panel }: { panel: BoardPanel }) {
  return (
    <div className="h-full overflow-auto p-2">
      <p className="mb-2 text-warn">{dashboards.panel.raw(panel.vizType)}</p>
      <CodeBlock
        label={panel.title || dashboards.untitled}
        text={JSON.stringify({ viz_content: panel.content, viz_config: panel.viz }, null, 2)}
      />
    </div>
  );
}
