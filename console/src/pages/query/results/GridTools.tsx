// Tools above the grid: freeze and live, search, filters, state of a changelog, copy, download.
import {
  ArrowDownToLine,
  Copy,
  Download,
  FilterX,
  ListFilter,
  PanelRight,
  Pause,
  Play,
  Sigma,
} from "lucide-react";
import type { Format } from "@/live/useLive";
import { grid } from "@/text/grid";
import { Button, IconButton } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { useGridState } from "@/ui/Grid";
import { type GridModel, NO_ARRANGEMENT } from "@/ui/GridModel";
import { Menu } from "@/ui/Menu";
import { copyRows, downloadRows, type Selection } from "./copyRows";

const DELTA = "_tp_delta";
const COPIES: Format[] = ["tsv", "json", "sql"];
const FILES: Format[] = ["csv", "ndjson"];

interface Props {
  model: GridModel;
  sql: string;
  selection: () => Selection | null;
  filters: boolean;
  onFilters: (shown: boolean) => void;
  panel: boolean;
  onPanel: () => void;
}

export function GridTools(props: Props) {
  const { model, sql, selection, filters, onFilters, panel, onPanel } = props;
  const state = useGridState(model);
  const { arrangement, header, mode } = state;
  const arranged = arrangement !== NO_ARRANGEMENT;
  const folds = header.some((column) => column.name === DELTA);
  const folded = mode.kind === "state";
  return (
    <div
      role="toolbar"
      aria-label={grid.label}
      className="flex shrink-0 flex-wrap items-center gap-1 border-b border-line px-2 py-1"
    >
      {!state.still && <Freezing model={model} />}
      <input
        type="search"
        aria-label={grid.find}
        placeholder={grid.find}
        value={arrangement.text}
        spellCheck={false}
        onChange={(event) => void model.arrange({ text: event.target.value })}
        className="h-7 w-24 min-w-0 flex-1 rounded-md sm:w-48 sm:flex-none border border-edge/70 bg-surface px-2 text-[13px] placeholder:text-muted"
      />
      <IconButton
        icon={ListFilter}
        label={grid.filters}
        aria-pressed={filters}
        onClick={() => {
          if (filters) void model.arrange({ columns: {} });
          onFilters(!filters);
        }}
      />
      {arranged && (
        <>
          <IconButton
            icon={FilterX}
            label={grid.clear}
            onClick={() => void model.arrange(NO_ARRANGEMENT)}
          />
          <span role="status" className="text-xs text-muted tabular-nums">
            {grid.shownOf(state.total, state.all)}
          </span>
        </>
      )}
      <span className="hidden flex-1 sm:block" />
      {folds && (
        <Button
          look="quiet"
          icon={Sigma}
          title={grid.foldWhy}
          aria-pressed={folded}
          onClick={() => model.setMode({ kind: folded ? "all" : "state" })}
          className={cx(folded && "bg-accent-soft text-accent")}
        >
          {grid.fold}
        </Button>
      )}
      <Menu
        trigger={<IconButton icon={Copy} label={grid.copy} />}
        items={COPIES.map((format) => ({
          label: grid.as[format],
          onSelect: () => void copyRows(model, selection(), format, sql),
        }))}
      />
      <Menu
        trigger={<IconButton icon={Download} label={grid.download} />}
        items={FILES.map((format) => ({
          label: grid.as[format],
          onSelect: () => void downloadRows(model, format, sql),
        }))}
      />
      <IconButton
        icon={PanelRight}
        label={grid.openRow}
        aria-pressed={panel}
        disabled={!state.total}
        onClick={onPanel}
      />
    </div>
  );
}

/** Pause while live; while frozen what came meanwhile, as the way back. */
function Freezing({ model }: { model: GridModel }) {
  const { frozen, newer } = useGridState(model);
  if (!frozen)
    return (
      <Button
        icon={Pause}
        title={grid.pauseWhy}
        onClick={() => void model.freeze().catch(() => {})}
        className="sm:w-22"
      >
        <span className="max-sm:sr-only">{grid.pause}</span>
      </Button>
    );
  return (
    <Button
      look="primary"
      icon={newer ? ArrowDownToLine : Play}
      title={grid.backToLive}
      onClick={() => model.resume()}
      className="min-w-22 tabular-nums"
    >
      {newer ? grid.newRows(newer) : grid.live}
    </Button>
  );
}
