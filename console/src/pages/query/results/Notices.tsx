// Lines above the grid that say what the rows below are not: complete, live, or of one run.
import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { connection } from "@/live/client";
import { type Live, useCounts, useLiveState } from "@/live/useLive";
import { grid } from "@/text/grid";
import { Button } from "@/ui/Button";
import { cx } from "@/ui/cx";

export function Notices({ live }: { live: Live }) {
  const { status, notice, limited, restarted, retryAt } = useLiveState(live);
  const { kept } = useCounts(live);
  const left = useSecondsTo(status === "reconnecting" ? retryAt : 0);
  return (
    <>
      {status === "reconnecting" && (
        <Notice tone="warn">
          <span className="min-w-0">{retryAt ? grid.reconnectingIn(left) : grid.reconnecting}</span>
          <Button onClick={connection.retry}>{grid.retry}</Button>
        </Notice>
      )}
      {status === "paused" && <Notice tone="warn">{grid.paused}</Notice>}
      {notice === "fallback" && <Notice tone="info">{grid.fallback}</Notice>}
      {notice === "queued" && <Notice tone="warn">{grid.queued}</Notice>}
      {restarted > 0 && status === "running" && <Notice tone="info">{grid.restarted}</Notice>}
      {limited && <Notice tone="warn">{grid.limited(kept)}</Notice>}
    </>
  );
}

function Notice({ tone, children }: { tone: "warn" | "info"; children: ReactNode }) {
  return (
    <div
      role="status"
      className={cx(
        "flex shrink-0 flex-wrap items-center gap-3 border-b px-3 py-1 text-[13px]",
        tone === "warn" ? "border-warn/40 bg-warn-soft" : "border-info/40 bg-info-soft",
      )}
    >
      {children}
    </div>
  );
}

/** Seconds until a moment, counted down. */
function useSecondsTo(moment: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!moment) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [moment]);
  return Math.max(0, Math.ceil((moment - now) / 1000));
}
