// The chart of a result, and the way from it to a dashboard.
import { useState } from "react";
import { useMay } from "@/api/session";
import type { Viz } from "@/charts/config";
import { QueryChart } from "@/charts/QueryChart";
import { type Live, useLiveState } from "@/live/useLive";
import { AddToDashboard } from "@/pages/dashboards/AddToDashboard";
import { query } from "@/text/query";

// Charts of this many shapes of results are remembered.
const KEPT_MAX = 50;
// A chart stays as it was made while the result has the same columns: an edit of WHERE keeps it.
const kept = new Map<string, Viz>();

function keep(shape: string, viz: Viz): void {
  kept.delete(shape);
  kept.set(shape, viz);
  const [oldest] = kept.keys();
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
}

/** A first title of a panel: what is drawn, and by what. */
function titleOf({ config }: Viz): string {
  const { yAxis, value, color } = config as Record<string, unknown>;
  const drawn = [yAxis ?? value].flat().filter((one) => typeof one === "string" && one);
  return query.panelTitle(drawn.join(", "), typeof color === "string" ? color : "");
}

export interface ChartProps {
  live: Live;
  /** The statement as it stands in the text. */
  sql: string;
}

export default function ChartTab({ live, sql }: ChartProps) {
  const may = useMay();
  const { header } = useLiveState(live);
  const shape = JSON.stringify(header.map((column) => [column.name, column.type]));
  const [, redraw] = useState(0);
  const [adding, setAdding] = useState<Viz | null>(null);
  return (
    <>
      <QueryChart
        live={live}
        config={kept.get(shape) ?? null}
        onConfig={(viz) => {
          keep(shape, viz);
          redraw((n) => n + 1);
        }}
        onAdd={may("write:dashboard") ? setAdding : undefined}
      />
      {adding && (
        <AddToDashboard
          sql={sql}
          viz={adding}
          title={titleOf(adding)}
          onClose={() => setAdding(null)}
        />
      )}
    </>
  );
}
