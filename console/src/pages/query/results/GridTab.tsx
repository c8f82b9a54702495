// The rows of a result: tools, notices, the grid, and one row in full beside it.
import { Rows3 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { type Live, useLiveState } from "@/live/useLive";
import { app } from "@/text/app";
import { grid } from "@/text/grid";
import { Empty } from "@/ui/Empty";
import { Failure } from "@/ui/Failure";
import { Grid, type GridHandle, useGridState } from "@/ui/Grid";
import { type GridState, modelOf } from "@/ui/GridModel";
import { copyRows } from "./copyRows";
import { GridTools } from "./GridTools";
import { Notices } from "./Notices";
import { RowPanel } from "./RowPanel";

interface Props {
  live: Live;
  /** The statement as the user wrote it; its first stream names the rows in SQL values. */
  sql: string;
}

export function GridTab({ live, sql }: Props) {
  const model = modelOf(live);
  const state = useGridState(model);
  const handle = useRef<GridHandle>(null);
  const [row, setRow] = useState<number | null>(null);
  const [filters, setFilters] = useState(() => Object.keys(state.arrangement.columns).length > 0);
  const copy = () => void copyRows(model, handle.current?.selection() ?? null, "tsv", sql);
  const open = (index: number) => setRow(index);
  const close = () => {
    setRow(null);
    handle.current?.focus();
  };
  const { frozen } = state;
  useEffect(() => {
    if (!frozen) setRow(null);
  }, [frozen]);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <GridTools
        model={model}
        sql={sql}
        selection={() => handle.current?.selection() ?? null}
        filters={filters}
        onFilters={setFilters}
        panel={row !== null}
        onPanel={() => (row === null ? open(handle.current?.selection()?.from ?? 0) : close())}
      />
      <Notices live={live} />
      {state.error && <Failure error={new Error(state.error)} />}
      <div className="relative flex min-h-0 flex-1 max-md:flex-col">
        <div className="relative flex min-h-0 min-w-0 flex-1 flex-col">
          <Grid
            ref={handle}
            model={model}
            filters={filters}
            onOpen={open}
            onCopy={copy}
            onRow={(index) => setRow((now) => (now === null ? null : index))}
          />
          <Nothing live={live} state={state} />
        </div>
        {row !== null && (
          <RowPanel
            model={model}
            index={row}
            total={state.total}
            onGo={(index) => handle.current?.select(index)}
            onClose={close}
          />
        )}
      </div>
      <p aria-live="polite" className="sr-only">
        {frozen && !state.still ? grid.frozenNow(state.all) : state.still ? "" : grid.liveNow}
      </p>
    </div>
  );
}

/** What the empty grid says. */
function Nothing({ live, state }: { live: Live; state: GridState }) {
  const { status, error } = useLiveState(live);
  if (state.total) return null;
  const over = status === "finished" || status === "canceled";
  const filtered = state.all > 0;
  return (
    <div className="pointer-events-none absolute inset-x-0 top-16 flex justify-center text-muted">
      {filtered ? (
        grid.nothingFits
      ) : status === "failed" ? (
        <span className="px-4 text-center text-bad">{error?.message ?? app.failed}</span>
      ) : over ? (
        <Empty icon={Rows3} title={grid.noRows}>
          {grid.noRowsWhy}
        </Empty>
      ) : status === "starting" ? (
        grid.starting
      ) : (
        grid.waiting
      )}
    </div>
  );
}
