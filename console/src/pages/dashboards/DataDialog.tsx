// The rows behind a panel.
import { useMemo } from "react";
import type { Viz } from "@/charts/config";
import { summary } from "@/charts/summary";
import { TableChart } from "@/charts/TableChart";
import { type LiveResult, useSnapshot } from "@/live/useLive";
import { dashboards } from "@/text/dashboards";
import { Dialog } from "@/ui/Dialog";
import { useBoardContext } from "./context";
import type { BoardPanel } from "./format";
import { shownZone } from "./PanelBody";
import { DATA_ROWS } from "./usePanel";

interface Props {
  panel: BoardPanel;
  viz: Viz;
  live: LiveResult;
  onClose: () => void;
}

const TABLE = { chartType: "table", config: { rowCount: DATA_ROWS } };

export function DataDialog({ panel, viz, live, onClose }: Props) {
  const snapshot = useSnapshot(live.live);
  const { zone } = useBoardContext();
  const shown = shownZone(zone, live.header);
  const said = useMemo(
    () => summary(viz, snapshot.rows.length, snapshot.series, shown),
    [viz, snapshot, shown],
  );
  return (
    <Dialog open wide onClose={onClose} title={panel.title || dashboards.untitled}>
      <p className="mb-2 text-xs text-muted">{said}</p>
      <div className="h-[60vh]">
        <TableChart
          columns={live.header}
          rows={snapshot.rows}
          series={null}
          viz={TABLE}
          zone={shown}
          live={live.status === "running"}
        />
      </div>
    </Dialog>
  );
}
