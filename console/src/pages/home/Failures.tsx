// What has failed in the workspace, with the reason and the way to it.
import { useQueries } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { call, type Query } from "@/api/client";
import { useMay } from "@/api/session";
import { home } from "@/text/home";
import { Status } from "@/ui/Badge";
import { Go } from "@/ui/Go";

const REFRESH_MS = 10_000;
const SHOWN_MAX = 12;
const FAILED = new Set(["failed", "error"]);

interface Health {
  id?: string;
  name: string;
  status: string;
  message?: string;
  last_error_message?: string;
}

interface Kind {
  path: string;
  kind: string;
  needs: string;
  to: string;
  query?: Query;
}

const KINDS: Kind[] = [
  { path: "sources", kind: home.kind.source, needs: "read:source", to: "/sources/" },
  { path: "sinks", kind: home.kind.sink, needs: "read:sink", to: "/sinks/" },
  { path: "alerts", kind: home.kind.alert, needs: "read:alert", to: "/alerts/" },
  {
    path: "materialized_views",
    kind: home.kind.view,
    needs: "read:view",
    to: "/views/",
    query: { expand: true },
  },
];

export function Failures() {
  const may = useMay();
  const kinds = KINDS.filter((kind) => may(kind.needs));
  const found = useQueries({
    queries: kinds.map((kind) => ({
      queryKey: [kind.path, ...(kind.query ? [kind.query] : [])],
      queryFn: () => call<Health[]>(kind.path, { query: kind.query }),
      refetchInterval: REFRESH_MS,
    })),
  });
  const failed = kinds.flatMap((kind, n) =>
    (found[n]?.data ?? [])
      .filter((one) => FAILED.has(one.status.toLowerCase()))
      .map((one) => ({ ...one, kind })),
  );
  if (!failed.length)
    return (
      <p className="flex items-center gap-2 text-muted">
        <CircleCheck aria-hidden size={16} className="text-good" />
        {home.failedNone}
      </p>
    );
  return (
    <ul className="flex flex-col gap-1">
      {failed.slice(0, SHOWN_MAX).map((one) => (
        <li key={`${one.kind.path} ${one.id ?? one.name}`} className="min-w-0">
          <div className="flex items-center gap-2">
            <Status value={one.status} />
            <span className="text-xs text-muted">{one.kind.kind}</span>
            <Go
              to={one.kind.to + encodeURIComponent(one.id ?? one.name)}
              className="truncate text-accent hover:underline"
            >
              {one.name}
            </Go>
          </div>
          <p className="truncate text-xs text-muted" title={one.message || one.last_error_message}>
            {one.message || one.last_error_message}
          </p>
        </li>
      ))}
    </ul>
  );
}
