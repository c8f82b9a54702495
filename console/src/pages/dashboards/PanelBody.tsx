// What a panel shows below its title: chart, Markdown, or what is kept of an unknown kind.
import { useMemo } from "react";
import { ChartView } from "@/charts/ChartView";
import { updateOf, type Viz, vizOf } from "@/charts/config";
import { MarkdownView } from "@/charts/MarkdownView";
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
  onConfig?: ((viz: Viz) => void) | undefined;
}

/** The zone of the first column of time, for "the zone of the event". */
export function shownZone(zone: Zone, header: LiveState["header"]): string | undefined {
  return zoneName(zone, header.map((column) => zoneOf(column.type)).find(Boolean) ?? "");
}

export function PanelBody({ panel, viz, state, asTable, windowMs, onConfig }: Props) {
  const snapshot = useSnapshot(state.live);
  const { sync, zone, values, onZoom } = useBoardContext();
  const shown = shownZone(zone, state.header);
  if (panel.vizType === "markdown")
    return <MarkdownPanel {...{ panel, state, snapshot, values }} zone={shown} />;
  const running = ["starting", "running", "reconnecting", "paused"].includes(state.status);
  return (
    <ChartView
      title={panel.title || dashboards.untitled}
      columns={state.header}
      rows={snapshot.rows}
      series={snapshot.series}
      viz={viz}
      zone={shown}
      sync={sync}
      onZoom={onZoom}
      live={running}
      windowMs={windowMs}
      variables={values}
      asTable={asTable}
      onConfig={onConfig}
    />
  );
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
