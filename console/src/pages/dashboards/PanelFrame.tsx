// A panel on a dashboard: title, state, menu, and its content; drawn only while it is on screen.
import { TriangleAlert } from "lucide-react";
import {
  type KeyboardEvent,
  memo,
  type ReactNode,
  useCallback,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { Viz } from "@/charts/config";
import { useOnScreen, useSize } from "@/charts/useSize";
import { timeText } from "@/charts/words";
import { type Counts, type Live, type LiveResult, useCountsAs } from "@/live/useLive";
import { dashboards } from "@/text/dashboards";
import { cx } from "@/ui/cx";
import { Failure } from "@/ui/Failure";
import { age, count } from "@/ui/format";
import { Tip } from "@/ui/Tip";
import { DataDialog } from "./DataDialog";
import { type BoardPanel, markdownOf } from "./format";
import { PanelBody, RawPanel } from "./PanelBody";
import { PanelMenu } from "./PanelMenu";
import { usePanel } from "./usePanel";

export interface PanelActions {
  edit: (id: string) => void;
  duplicate: (id: string) => void;
  remove: (id: string) => void;
  /** Moves or resizes by grid units. */
  move: (id: string, by: { x?: number; y?: number; w?: number; h?: number }) => void;
  full: (id: string | null) => void;
  config: (id: string, viz: Viz) => void;
}

interface Props {
  panel: BoardPanel;
  editing: boolean;
  full: boolean;
  /** Another panel fills the page. */
  covered: boolean;
  kiosk: boolean;
  actions: PanelActions;
}

const KNOWN = new Set(["chart", "markdown"]);

export const PanelFrame = memo(function PanelFrame(props: Props) {
  if (!KNOWN.has(props.panel.vizType))
    return (
      <Frame {...props} status={null} menu={<PanelMenu {...props} sql="" live={null} />}>
        <RawPanel panel={props.panel} />
      </Frame>
    );
  return <LivePanel {...props} />;
});

function LivePanel(props: Props) {
  const { panel, editing, covered, actions } = props;
  const [seenRef, onScreen] = useOnScreen();
  const visible = onScreen && !covered;
  const [sizeRef, size] = useSize();
  const body = useRef<HTMLDivElement | null>(null);
  const [paused, setPaused] = useState(false);
  const [data, setData] = useState(false);
  const { sql, live, viz } = usePanel(panel, {
    width: size.width,
    visible,
    paused,
    data,
  });
  const ref = useCallback(
    (element: HTMLDivElement | null) => {
      body.current = element;
      const [one, two] = [seenRef(element), sizeRef(element)];
      return () => {
        one?.();
        two?.();
      };
    },
    [seenRef, sizeRef],
  );
  // Another query has not been seen yet: there is nothing to stand still at.
  const [stoppedAt, setStoppedAt] = useState("");
  if (paused && stoppedAt !== sql.sql) setPaused(false);
  const pause = (on: boolean) => {
    setStoppedAt(sql.sql);
    setPaused(on);
  };
  const { id } = panel;
  const onConfig = useCallback((next: Viz) => actions.config(id, next), [actions, id]);
  const still = panel.vizType === "markdown" && !markdownOf(panel).sql;
  const failed = sql.error ?? (live.error ? new Error(live.error.message) : null);
  return (
    <Frame
      {...props}
      status={!still && <PanelStatus live={live} paused={paused} noTime={sql.noTime} />}
      menu={
        <PanelMenu
          {...props}
          sql={sql.plain}
          live={live}
          viz={viz}
          paused={paused}
          onPause={pause}
          onData={() => setData(true)}
          body={body}
        />
      }
    >
      <div ref={ref} className="h-full min-h-0">
        {failed ? (
          <div className="h-full overflow-auto px-2">
            <Failure error={failed} retry={sql.error ? undefined : live.restart} />
          </div>
        ) : !panel.content.trim() && panel.vizType === "chart" ? (
          <p className="p-3 text-muted">{dashboards.panel.noSql}</p>
        ) : (
          visible && (
            <PanelBody
              panel={panel}
              viz={viz}
              state={live}
              asTable={false}
              windowMs={sql.windowMs}
              span={sql.span}
              onConfig={editing ? onConfig : undefined}
            />
          )
        )}
      </div>
      {data && <DataDialog panel={panel} viz={viz} live={live} onClose={() => setData(false)} />}
    </Frame>
  );
}

interface FrameProps extends Props {
  status: ReactNode;
  menu: ReactNode;
  children: ReactNode;
}

const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function Frame({ panel, editing, full, kiosk, actions, status, menu, children }: FrameProps) {
  const title = panel.title || dashboards.untitled;
  // Texts mostly bring their own heading.
  const bare = !panel.title && !editing;
  const keys = (event: KeyboardEvent) => {
    const step = MOVES[event.key];
    if (!editing || !step) return;
    event.preventDefault();
    const [a, b] = step;
    actions.move(panel.id, event.shiftKey ? { w: a, h: b } : { x: a, y: b });
  };
  return (
    <section
      aria-label={title}
      data-panel={panel.id}
      className={cx(
        "group relative flex h-full min-h-0 flex-col overflow-hidden rounded-lg border bg-surface",
        editing ? "border-dashed border-edge" : "border-line",
        full && "!fixed inset-0 z-30 rounded-none",
      )}
    >
      <header
        className={cx(
          "flex shrink-0 items-center gap-1.5 pr-1 pl-2.5",
          bare ? "absolute top-0 right-0 z-10 h-7" : "h-8",
          editing && "panel-drag cursor-move",
        )}
      >
        {editing ? (
          <h2 className="min-w-0">
            <button
              type="button"
              aria-label={dashboards.panel.move(title)}
              onKeyDown={keys}
              className="block max-w-full cursor-move truncate text-left text-[13px] font-medium"
            >
              {title}
            </button>
          </h2>
        ) : bare ? null : (
          <h2
            title={panel.description || undefined}
            className="min-w-0 truncate text-[13px] font-medium"
          >
            {title}
          </h2>
        )}
        <div className="ml-auto flex shrink-0 items-center gap-1.5">{status}</div>
        {!kiosk && <div className="panel-still shrink-0">{menu}</div>}
      </header>
      <div className="min-h-0 flex-1">{children}</div>
    </section>
  );
}

const DOTS: Partial<Record<LiveResult["status"], string>> = {
  running: "bg-good",
  starting: "bg-info",
  reconnecting: "bg-warn",
  paused: "bg-warn",
  failed: "bg-bad",
};

interface StatusProps {
  live: LiveResult;
  paused: boolean;
  noTime: boolean;
}

/** What the title says of the counts: rows dropped, whole seconds since the newest row or -1. */
function told({ dropped, lastRowAt }: Counts): string {
  const old = lastRowAt ? Math.floor(Math.max(0, Date.now() - lastRowAt) / 1_000) * 1_000 : -1;
  return `${dropped} ${old}`;
}

/** A dot of the query's state, the age of the newest row, a mark when rows were left out. */
function PanelStatus({ live, paused, noTime }: StatusProps) {
  const [dropped, old] = useCountsAs(live.live, told).split(" ").map(Number) as [number, number];
  const gap = useGap(live.live);
  const words = dashboards.panel;
  if (live.status === "idle") return null;
  const still = paused || live.status === "finished" || live.status === "canceled";
  const name = paused
    ? words.paused
    : live.notice === "queued"
      ? words.queued
      : nameOf(live.status);
  return (
    <>
      {noTime && <span className="truncate text-xs text-warn">{words.noTime}</span>}
      {live.restarted > 0 && <Mark text={words.restarted} className="text-info" />}
      {gap && <Mark text={gap} className="text-info" />}
      {dropped > 0 && <Mark text={words.dropped(count(dropped))} className="text-warn" />}
      {live.status === "running" && old >= 0 && (
        <span className="text-xs text-muted tabular-nums" title={words.age(age(old))}>
          {old === 0 ? "<1 s" : age(old)}
        </span>
      )}
      <Tip text={name}>
        <span
          role="img"
          aria-label={name}
          className={cx(
            "size-2 rounded-full",
            still ? "border border-edge" : (DOTS[live.status] ?? "bg-line"),
          )}
        />
      </Tip>
    </>
  );
}

const clock = (ms: number) => timeText(ms).slice(11, 19);

/** What is said of the newest gap in the rows that are held: the page was hidden for long, say. */
function useGap(live: Live | null): string {
  return useSyncExternalStore(live ? live.onSnapshot : nothing, () => {
    const last = live?.snapshot().marks.findLast((one) => one.to > 0);
    return last ? dashboards.panel.gap(clock(last.from), clock(last.to)) : "";
  });
}

const nothing = () => () => {};

function nameOf(status: LiveResult["status"]): string {
  const words = dashboards.panel;
  const names: Record<LiveResult["status"], string> = {
    idle: words.starting,
    starting: words.starting,
    running: words.live,
    reconnecting: words.reconnecting,
    paused: words.hidden,
    finished: words.finished,
    canceled: words.canceled,
    failed: words.failed,
  };
  return names[status];
}

function Mark({ text, className }: { text: string; className: string }) {
  return (
    <Tip text={text}>
      <span role="img" aria-label={text} className={className}>
        <TriangleAlert aria-hidden size={14} />
      </span>
    </Tip>
  );
}
