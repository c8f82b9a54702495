// The line below a result: its state, and what became of each row on its way here.
import { useEffect, useState } from "react";
import type { Metrics } from "@/live/protocol";
import { type Live, type Status, useCounts, useLiveState } from "@/live/useLive";
import { status as text } from "@/text/grid";
import { cx } from "@/ui/cx";
import { age, bytes, count } from "@/ui/format";

// What is over sooner needs no word about it.
const AFTER_MS = 1_000;

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
  const { status, streaming, metrics } = useLiveState(live);
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
      {streaming === false && status === "running" && <Progress metrics={metrics} />}
      {slow && status === "running" && <span className="text-warn">{text.slow}</span>}
    </section>
  );
}

/** Of a query with an end that takes its time: how long it runs, and what it has read so far. */
function Progress({ metrics }: { metrics: Metrics | null }) {
  const [began] = useState(() => Date.now());
  const [now, setNow] = useState(began);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), AFTER_MS);
    return () => clearInterval(timer);
  }, []);
  if (now - began < AFTER_MS) return null;
  const parts = [
    age(now - began),
    ...(metrics?.scanned_rows
      ? [text.scanned(metrics.scanned_rows), bytes(metrics.scanned_bytes)]
      : []),
  ];
  return <span className="tabular-nums">{parts.join(" · ")}</span>;
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
