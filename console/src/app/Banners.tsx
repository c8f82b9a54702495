// One line above the page: the server is out of reach, or newer than this page.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "@/api/client";
import { bootstrapQuery } from "@/api/session";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { onContact } from "./contact";

const WAIT_MS = [1_000, 2_000, 5_000, 10_000, 15_000];

/** Looks for the server with growing pauses; once it answers, everything is asked for anew. */
export function Banners() {
  const client = useQueryClient();
  const { data } = useQuery(bootstrapQuery);
  const [first] = useState(() => data?.build);
  const [failures, setFailures] = useState(0);
  const [left, setLeft] = useState(0);
  const lost = failures > 0;
  const look = useCallback(async () => {
    try {
      await client.fetchQuery({ ...bootstrapQuery, staleTime: 0, retry: false });
      setFailures(0);
      await client.invalidateQueries();
    } catch {
      setFailures((n) => n + 1);
    }
  }, [client]);
  // The live connection knows first: it is lost, or there again.
  const isLost = useRef(lost);
  isLost.current = lost;
  useEffect(
    () =>
      onContact((there) => {
        if (!there || isLost.current) void look();
      }),
    [look],
  );
  useEffect(
    () =>
      client.getQueryCache().subscribe((event) => {
        const error = event.query.state.error;
        if (
          event.type === "updated" &&
          event.action.type === "error" &&
          error instanceof ApiError
        ) {
          if (error.status === 0) setFailures((n) => n || 1);
        }
      }),
    [client],
  );
  useEffect(() => {
    if (!lost) return;
    const wait = WAIT_MS[Math.min(failures, WAIT_MS.length) - 1] ?? 15_000;
    setLeft(Math.ceil(wait / 1000));
    const tick = setInterval(() => setLeft((n) => Math.max(0, n - 1)), 1000);
    const later = setTimeout(() => void look(), wait);
    return () => {
      clearInterval(tick);
      clearTimeout(later);
    };
  }, [failures, lost, look]);
  const newer = data && first && data.build !== first ? data.version : "";
  if (!lost && !newer) return null;
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-3 border-b border-warn/40 bg-warn-soft px-3 py-1.5 text-text"
    >
      <span>{lost ? app.unreachable(left) : app.newVersion(newer)}</span>
      {lost ? (
        <Button onClick={() => void look()}>{app.retry}</Button>
      ) : (
        <Button onClick={() => window.location.reload()}>{app.reload}</Button>
      )}
    </div>
  );
}
