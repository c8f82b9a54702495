// A dashboard at work: filter bar, grid of live panels, view and edit mode, all in the address.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { LayoutDashboard, Pencil, Trash2 } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { useMayChange } from "@/api/session";
import type { Dashboard } from "@/api/types";
import { useKeys } from "@/app/keys";
import { withViz } from "@/charts/config";
import { between, shifted, type TimeRange, zoomedOut } from "@/charts/timeRange";
import { useSize } from "@/charts/useSize";
import { dashboards } from "@/text/dashboards";
import { IconButton } from "@/ui/Button";
import { Empty } from "@/ui/Empty";
import { Page } from "@/ui/Page";
import { Skeleton } from "@/ui/Skeleton";
import { BoardTools } from "./BoardTools";
import { Controls, valuesOf } from "./Controls";
import { BoardContext } from "./context";
import type { BoardPanel } from "./format";
import { LeaveQuestion } from "./LeaveQuestion";
import { type PanelActions, PanelFrame } from "./PanelFrame";
import { type BoardSearch, rangeOf, rangePart, zoneOf } from "./search";
import { useAlone } from "./useAlone";
import { newPanel, useEditor, withCopy, withMove, withoutPanel, withPanel } from "./useEditor";
import { useSaving } from "./useSaving";
import { fromSearch } from "./variables";

const Grid = lazy(() => import("./Grid"));
const PanelEditor = lazy(() => import("./PanelEditor"));

export function BoardView({ dashboard }: { dashboard: Dashboard }) {
  const search = useSearch({ strict: false }) as BoardSearch;
  const patch = usePatch();
  const mayEdit = useMayChange("write:dashboard")(dashboard);
  const editor = useEditor(dashboard);
  const { board } = editor;
  const saving = useSaving(dashboard, editor);
  const [drafted, setDrafted] = useState<BoardPanel | null>(null);
  const [runs, setRuns] = useState(0);
  const [ref, size] = useSize();
  const editing = !!search.edit && mayEdit;
  const kiosk = !!search.kiosk && !editing;
  const fullPanel = search.full ? `section[data-panel="${CSS.escape(search.full)}"]` : "";
  useAlone(fullPanel || (kiosk ? "#board" : ""), board.panels);
  const range = useMemo(() => rangeOf({ range: search.range }), [search.range]);
  const zone = zoneOf(search);
  const controls = useMemo(
    () => board.panels.filter((p) => p.vizType === "control"),
    [board.panels],
  );
  const panels = useMemo(() => board.panels.filter((p) => p.vizType !== "control"), [board.panels]);
  const [choices, setChoices] = useState<Record<string, string[]>>({});
  const onChoices = useCallback(
    (name: string, now: string[]) =>
      setChoices((old) =>
        String(old[name] ?? []) === String(now) ? old : { ...old, [name]: now },
      ),
    [],
  );
  const given = useStable(fromSearch({ ...search }));
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new run means ranges that end now
  const filled = useMemo(() => valuesOf(controls, given, Date.now()), [controls, given, runs]);
  const values = useStable(filled);
  const setRange = useCallback((now: TimeRange) => patch(rangePart(now)), [patch]);
  const onZoom = useCallback((from: number, to: number) => setRange(between(from, to)), [setRange]);
  const context = useMemo(
    () => ({ sync: dashboard.id, range, zone, values, choices, runs, onZoom }),
    [dashboard.id, range, zone, values, choices, runs, onZoom],
  );
  const actions = useActions(editor, patch, setDrafted);
  useBoardKeys({ search, mayEdit, patch, range, setRange });
  const add = (kind: "chart" | "markdown" | "control") => setDrafted(newPanel(kind, board));
  const full = search.full ? panels.find((panel) => panel.id === search.full) : undefined;
  const frame = (panel: BoardPanel) => (
    <PanelFrame
      panel={panel}
      editing={editing}
      full={full?.id === panel.id}
      covered={!!full && full.id !== panel.id}
      kiosk={kiosk}
      actions={actions}
    />
  );
  const body = (
    <div className={kiosk ? "min-h-full bg-page p-2" : "p-3"}>
      <Controls
        panels={controls}
        values={given}
        onValue={(name, value) => patch({ [`var.${name}`]: value })}
        onChoices={onChoices}
        menu={(panel) => editing && <ControlMenu panel={panel} actions={actions} />}
      />
      <div ref={ref}>
        {!board.panels.length && (
          <Empty icon={LayoutDashboard} title={dashboards.noPanels}>
            <p>{dashboards.noPanelsHint}</p>
          </Empty>
        )}
        {size.width > 0 && panels.length > 0 && (
          <Suspense fallback={<Skeleton />}>
            <Grid width={size.width} panels={panels} editing={editing} onMoved={editor.place}>
              {frame}
            </Grid>
          </Suspense>
        )}
      </div>
    </div>
  );
  return (
    <BoardContext.Provider value={context}>
      <Page
        fill
        title={board.name}
        actions={
          <BoardTools
            {...{
              dashboard,
              editor,
              saving,
              editing,
              mayEdit,
              range,
              zone,
              search,
              patch,
              setRange,
              add,
            }}
            onRefresh={() => setRuns(runs + 1)}
          />
        }
      >
        <div
          id="board"
          className={
            kiosk ? "fixed inset-0 z-20 overflow-auto bg-page" : "min-h-0 flex-1 overflow-auto"
          }
        >
          {body}
        </div>
      </Page>
      {drafted && (
        <Suspense fallback={null}>
          <PanelEditor
            panel={drafted}
            onClose={() => setDrafted(null)}
            onApply={(panel) => {
              editor.change((old) => withPanel(old, panel));
              setDrafted(null);
            }}
          />
        </Suspense>
      )}
      <LeaveQuestion dirty={editor.dirty} leaving={saving.leaving} />
      {saving.dialog}
    </BoardContext.Provider>
  );
}

export type Patch = (change: Partial<BoardSearch> | Record<string, unknown>) => void;

/** Changes search parameters; undefined takes one away. */
function usePatch(): Patch {
  const navigate = useNavigate();
  return useCallback(
    (change) =>
      void navigate({
        to: ".",
        search: ((old: Record<string, unknown>) => ({ ...old, ...change })) as never,
      }),
    [navigate],
  );
}

/** The same object as long as it says the same. */
function useStable<T>(value: T): T {
  const key = JSON.stringify(value);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the value
  return useMemo(() => value, [key]);
}

type EditorOf = ReturnType<typeof useEditor>;

function useActions(
  editor: EditorOf,
  patch: Patch,
  edit: (panel: BoardPanel) => void,
): PanelActions {
  const { change, panel, board } = editor;
  return useMemo(
    () => ({
      edit: (id) => {
        const found = board.panels.find((one) => one.id === id);
        if (found) edit(found);
      },
      duplicate: (id) => change((old) => withCopy(old, id)),
      remove: (id) => change((old) => withoutPanel(old, id)),
      move: (id, by) => change((old) => withMove(old, id, by)),
      full: (id) => patch({ full: id ?? undefined }),
      config: (id, viz) => panel(id, (old) => ({ ...old, viz: withViz(old.viz, viz) })),
    }),
    [change, panel, board.panels, edit, patch],
  );
}

interface KeysOf {
  search: BoardSearch;
  mayEdit: boolean;
  patch: Patch;
  range: TimeRange;
  setRange: (range: TimeRange) => void;
}

/** The id of the panel under the pointer or with the focus. */
function panelAtHand(): string | undefined {
  const at = document.querySelector<HTMLElement>(
    "[data-panel]:focus-within, section[data-panel]:hover",
  );
  return at?.dataset.panel;
}

function useBoardKeys({ search, mayEdit, patch, range, setRange }: KeysOf): void {
  const keys = useMemo(
    () => ({
      ...(mayEdit && { e: () => patch({ edit: search.edit ? undefined : true }) }),
      v: () => patch({ full: search.full ? undefined : panelAtHand() }),
      "t ArrowLeft": () => setRange(shifted(range, -1, Date.now())),
      "t ArrowRight": () => setRange(shifted(range, 1, Date.now())),
      "t z": () => setRange(zoomedOut(range, Date.now())),
      "d k": () => patch({ kiosk: search.kiosk ? undefined : true }),
      ...((search.kiosk || search.full) && {
        // biome-ignore lint/correctness/noComponentHookFactories: the name of a key
        Escape: () => patch({ kiosk: undefined, full: undefined }),
      }),
    }),
    [search.edit, search.full, search.kiosk, mayEdit, patch, range, setRange],
  );
  useKeys(keys);
}

function ControlMenu({ panel, actions }: { panel: BoardPanel; actions: PanelActions }) {
  const title = panel.title || dashboards.untitled;
  return (
    <>
      <IconButton
        icon={Pencil}
        label={`${dashboards.panel.edit}: ${title}`}
        onClick={() => actions.edit(panel.id)}
      />
      <IconButton
        icon={Trash2}
        label={`${dashboards.panel.remove}: ${title}`}
        onClick={() => actions.remove(panel.id)}
      />
    </>
  );
}
