// React's side of live queries: one hook that runs a query, and hooks that read one.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { connection, type Live, openLive } from "./client";
import {
  ALL,
  type Counts,
  FOCUS_HZ,
  type LiveConnection,
  type LiveOptions,
  type LiveState,
  NO_COUNTS,
  NO_ROWS,
  type Snapshot,
} from "./types";

export type { Live } from "./client";
export { openLive } from "./client";
export * from "./types";

/** The state of a query that is not asked for. */
export const IDLE: LiveState = {
  status: "idle",
  query: null,
  header: [],
  streaming: null,
  error: null,
  metrics: null,
  restarted: 0,
  notice: "",
  retryAt: 0,
  limited: false,
};

export interface UseLive extends LiveOptions {
  /** Runs while true (the default) and the SQL is not empty. */
  enabled?: boolean;
}

export interface LiveResult extends LiveState {
  /** The running query, for useSnapshot, useCounts, the grid; null while it is not asked for. */
  live: Live | null;
  /** Ends the query at the server; its rows stay. */
  cancel: () => void;
  /** Runs the same SQL again. */
  restart: () => void;
}

/**
 * Runs a query as long as the component lives; another SQL, name or buffer is another query, while
 * `hz`, `maxRows`, `from`, `mode`, `series` and `visible` may change freely without running it anew.
 *
 * ```tsx
 * const live = useLive({ sql, enabled, hz: PANEL_HZ, maxRows: 10, mode: { kind: "key", key: "id" } });
 * const { rows } = useSnapshot(live.live);
 * const { received, dropped } = useCounts(live.live);
 * ```
 *
 * The component is drawn again when the state changes (status, error, metrics once a second), not
 * with each snapshot: rows and counts are read by the small components that show them.
 * All queries of a tab share one worker and one socket; equal SQL is run once by the server.
 * What shall outlive a component (a tab of the query page) calls `openLive` itself, keeps the
 * `Live` outside of React, and reads it with `useLiveState`.
 */
export function useLive(options: UseLive): LiveResult {
  const { sql, enabled = true, name, bufferRows, delivery } = options;
  const tags = (options.tags ?? []).join("\n");
  const [live, setLive] = useState<Live | null>(null);
  const newest = useRef(options);
  newest.current = options;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the others only change the look
  useEffect(() => {
    if (!enabled || !sql.trim()) return setLive(null);
    const opened = openLive(newest.current);
    setLive(opened);
    return () => opened.close();
  }, [sql, enabled, name, tags, bufferRows, delivery]);
  const { maxRows = 100, from = "end", hz = FOCUS_HZ, visible = true } = options;
  const { mode = ALL, series = null } = options;
  const look = JSON.stringify({ maxRows, from, hz, visible, mode, series });
  useEffect(() => live?.look(JSON.parse(look)), [live, look]);
  const state = useLiveState(live);
  return {
    ...state,
    live,
    cancel: () => live?.cancel(),
    restart: () => live?.restart(),
  };
}

const nothing = () => () => {};

/** State of a query: status, record, header, error, metrics. */
export function useLiveState(live: Live | null): LiveState {
  return useSyncExternalStore(live ? live.onState : nothing, live ? live.state : () => IDLE);
}

/** The rows (and chart points) on screen; drawn again up to `hz` times a second. */
export function useSnapshot(live: Live | null): Snapshot {
  return useSyncExternalStore(
    live ? live.onSnapshot : nothing,
    live ? live.snapshot : () => NO_ROWS,
  );
}

/** Received, kept, dropped, rows a second, lag; drawn again up to four times a second. */
export function useCounts(live: Live | null): Counts {
  return useSyncExternalStore(live ? live.onCounts : nothing, live ? live.counts : () => NO_COUNTS);
}

/** What is made of the counts, as a text: drawn again only when the text is another one. */
export function useCountsAs(live: Live | null, text: (counts: Counts) => string): string {
  return useSyncExternalStore(live ? live.onCounts : nothing, () =>
    text(live ? live.counts() : NO_COUNTS),
  );
}

/** The tab's connection, for a banner: `waiting` says when it tries again. */
export function useConnection(): LiveConnection {
  return useSyncExternalStore(connection.subscribe, connection.get);
}
