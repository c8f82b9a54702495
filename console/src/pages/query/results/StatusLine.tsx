// The line below a result: its state, and what became of each row on its way here.
import { type Live, type Status, useCounts, useLiveState } from "@/live/useLive";
import { status as text } from "@/text/grid";
import { cx } from "@/ui/cx";
import { age, count } from "@/ui/format";

const DOTS: Record<Status, string> = {
  idle: "bg-edge",
  starting: "bg-info",
  running: "bg-good",
  reconnecting: "bg-warn",
  paused: "bg-warn",
  finished: "bg-info",
  canceled: "bg-edge",
  failed: "bg-bad",
};

export function StatusLine({ live }: { live: Live }) {
  const { status } = useLiveState(live);
  const counts = useCounts(live);
  const { received, kept, dropped, perSecond, held, lagMs, slow } = counts;
  return (
    <section
      aria-label={text.label}
      className="flex min-h-7 shrink-0 flex-wrap items-center gap-x-4 border-t border-line bg-page px-3 py-0.5 text-xs text-muted"
    >
      <span className="inline-flex min-w-20 items-center gap-1.5 font-medium text-text">
        <span aria-hidden className={cx("size-2 rounded-full", DOTS[status])} />
        {text.names[status]}
      </span>
      <Figure name={text.received} value={count(received)} why={text.receivedWhy} />
      <Figure name={text.kept} value={count(kept)} why={text.keptWhy(held)} />
      <Figure
        name={text.dropped}
        value={count(dropped)}
        why={text.droppedWhy}
        className={dropped ? "font-medium text-warn" : ""}
      />
      <Figure name={text.rate} value={count(perSecond)} why={text.rateWhy} />
      <Figure name={text.lag} value={lagMs === null ? "–" : age(lagMs)} why={text.lagWhy} />
      {slow && status === "running" && <span className="text-warn">{text.slow}</span>}
    </section>
  );
}

interface FigureProps {
  name: string;
  value: string;
  why: string;
  className?: string;
}

function Figure({ name, value, why, className }: FigureProps) {
  return (
    <span title={why} className={cx("whitespace-nowrap", className)}>
      {name}{" "}
      <b data-count={name} className="font-mono font-medium text-text tabular-nums">
        {value}
      </b>
    </span>
  );
}
