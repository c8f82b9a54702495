// What a query does and did, in figures; and, when no rows come, why.
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { type Counts, type Live, type LiveState, useCounts, useLiveState } from "@/live/useLive";
import { status as names, statistics as text } from "@/text/grid";
import { age, bytes, count, moment, time } from "@/ui/format";

/** Without a row for this long a running query is asked why. */
export const QUIET_MS = 5_000;
const LOOK_MS = 5_000;

type Diagnosis = Schemas["QueryDiagnosis"];

/** What the server knows of a running query, and why it gives no rows: asked while none come, or
 * as long as somebody looks at the figures. */
export function useDiagnosis(
  live: Live,
  figures = false,
): { quietMs: number; found: Diagnosis | undefined } {
  const state = useLiveState(live);
  const { lastRowAt } = useCounts(live);
  const now = useNow();
  const since = lastRowAt || (state.query?.start_time ?? 0) * 1000;
  const quietMs = state.status === "running" && since ? now - since : 0;
  const id = state.query?.id ?? "";
  const { data } = useQuery({
    queryKey: ["diagnosis", id],
    queryFn: () => call<Diagnosis>(`queries/${encodeURIComponent(id)}/diagnosis`),
    enabled: !!id && state.status === "running" && (figures || quietMs > QUIET_MS),
    refetchInterval: LOOK_MS,
    retry: false,
  });
  return { quietMs, found: data };
}

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function StatisticsTab({ live }: { live: Live }) {
  const state = useLiveState(live);
  const counts = useCounts(live);
  const scanned = useRate(state);
  const { found, quietMs } = useDiagnosis(live, true);
  if (!state.query) return <p className="p-4 text-muted">{text.none}</p>;
  return (
    <div
      tabIndex={0}
      role="region"
      aria-label={text.label}
      className="flex h-full flex-wrap content-start gap-x-10 gap-y-4 overflow-auto p-4 outline-offset-[-2px]"
    >
      {quietMs > QUIET_MS && <Why found={found} quietMs={quietMs} />}
      <Group title={text.flow} lines={flow(state, counts, scanned)} />
      <Group title={text.query} lines={[...record(state), ...engine(found)]} />
    </div>
  );
}

type Lines = [string, ReactNode][];

function flow({ metrics }: LiveState, counts: Counts, scannedRate: number | null): Lines {
  const { received, kept, dropped, held, heldBytes, lagMs } = counts;
  return [
    [text.scannedPerSecond, scannedRate === null ? "–" : text.perSecondValue(scannedRate)],
    [text.perSecond, text.perSecondValue(counts.perSecond)],
    [text.scanned, metrics ? count(metrics.scanned_rows) : "–"],
    [text.scannedBytes, metrics ? bytes(metrics.scanned_bytes) : "–"],
    [text.produced, metrics ? count(metrics.count) : "–"],
    [text.received, count(received)],
    [text.kept, count(kept)],
    [text.dropped, count(dropped)],
    [text.held, `${count(held)} (${bytes(heldBytes)})`],
    [text.lag, lagMs === null ? "–" : age(lagMs)],
    [text.lastEvent, moment(metrics?.last_event_time) || "–"],
    [text.processing, metrics ? age(metrics.processing_time) : "–"],
  ];
}

function record({ query, status, restarted, metrics }: LiveState): Lines {
  if (!query) return [];
  const first = metrics?.response_time || query.response_time;
  const lines: Lines = [
    [text.state, names.names[status]],
    [text.id, <code key="id">{query.id}</code>],
    [text.started, time(query.start_time * 1000)],
    [text.ran, <Ran key="ran" start={query.start_time * 1000} end={query.end_time * 1000} />],
    [text.firstRow, first ? age(first) : "–"],
  ];
  if (restarted) lines.push([text.restarts, count(restarted)]);
  if (query.message) lines.push([text.message, query.message]);
  return lines;
}

/** What the engine holds for it, and where its event time is. */
function engine(found: Diagnosis | undefined): Lines {
  if (!found) return [];
  const marks = found.windows.flatMap((one) => one.watermark_ms ?? []);
  return [
    [text.stateHeld, `${text.rows(found.state_rows)} (${bytes(found.state_bytes)})`],
    ...(found.windows.length
      ? [
          [text.watermark, marks.length ? moment(Math.min(...marks)) : "–"] satisfies [
            string,
            ReactNode,
          ],
        ]
      : []),
    [text.late, count(found.late_rows)],
  ];
}

function Ran({ start, end }: { start: number; end: number }) {
  const now = useNow();
  return <>{age((end || now) - start)}</>;
}

/** Rows scanned a second, from two measurements of the server. */
function useRate({ metrics }: LiveState): number | null {
  const before = useRef<{ rows: number; at: number } | null>(null);
  const [rate, setRate] = useState<number | null>(null);
  useEffect(() => {
    if (!metrics) return;
    const at = Date.now();
    const last = before.current;
    if (last && at > last.at && metrics.scanned_rows >= last.rows) {
      setRate(Math.round(((metrics.scanned_rows - last.rows) * 1000) / (at - last.at)));
    }
    before.current = { rows: metrics.scanned_rows, at };
  }, [metrics]);
  return rate;
}

function Group({ title, lines }: { title: string; lines: Lines }) {
  return (
    <section className="min-w-64">
      <h2 className="mb-1 text-xs font-semibold text-muted">{title}</h2>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-0.5">
        {lines.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="min-w-0 text-right font-mono text-xs leading-5 tabular-nums [overflow-wrap:anywhere]">
              {value}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** After some seconds without a row: what the server can say about it. */
function Why({ found, quietMs }: { found: Diagnosis | undefined; quietMs: number }) {
  const reasons = found?.reasons;
  return (
    <section
      role="status"
      className="w-full rounded-md border border-info/40 bg-info-soft px-3 py-2"
    >
      <h2 className="text-[13px] font-semibold">
        {text.why} <span className="font-normal">{text.quiet(quietMs)}</span>
      </h2>
      {reasons?.length ? (
        <ul className="mt-1 list-disc pl-5">
          {reasons.map((reason) => (
            <li key={reason.code + reason.text}>{reason.text}</li>
          ))}
        </ul>
      ) : (
        <p className="mt-1 text-muted">{reasons ? text.whyNothing : text.whyLooking}</p>
      )}
    </section>
  );
}
