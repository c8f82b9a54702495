// What has failed in the workspace, with the reason and the way to it.
import { useQueries } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { call, type Query } from "@/api/client";
import { useMay } from "@/api/session";
import { type Health, hasFailed } from "@/app/failedViews";
import { statusText } from "@/pages/views/status";
import { home } from "@/text/home";
import { Status } from "@/ui/Badge";
import { Failure } from "@/ui/Failure";
import { Go } from "@/ui/Go";
import { Skeleton } from "@/ui/Skeleton";

const REFRESH_MS = 10_000;
const SHOWN_MAX = 12;
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
    (found[n]?.data ?? []).filter(hasFailed).map((one) => ({ ...one, kind })),
  );
  const unread = found.find((one) => one.isError && !one.data);
  const problem = unread && (
    <Failure
      error={unread.error as Error}
      retry={() => {
        for (const one of found) if (one.isError) void one.refetch();
      }}
    />
  );
  if (!failed.length && unread) return problem;
  if (found.some((one) => one.isPending)) return <Skeleton lines={2} />;
  if (!failed.length)
    return (
      <p className="flex items-center gap-2 text-muted">
        <CircleCheck aria-hidden size={16} className="text-good" />
        {home.failedNone}
      </p>
    );
  return (
    <>
      {problem}
      <ul className="flex flex-col gap-1">
        {failed.slice(0, SHOWN_MAX).map((one) => (
          <li key={`${one.kind.path} ${one.id ?? one.name}`} className="min-w-0">
            <div className="flex items-center gap-2">
              <Status value={statusText(one.status)} />
              <span className="text-xs text-muted">{one.kind.kind}</span>
              <Go
                to={one.kind.to + encodeURIComponent(one.id ?? one.name)}
                className="truncate leading-6 text-accent hover:underline"
              >
                {one.name}
              </Go>
            </div>
            <p
              className="truncate text-xs text-muted"
              title={one.message || one.last_error_message}
            >
              {one.message || one.last_error_message}
            </p>
          </li>
        ))}
      </ul>
      {failed.length > SHOWN_MAX && (
        <p className="pt-1 text-xs text-muted">{home.failedMore(failed.length - SHOWN_MAX)}</p>
      )}
    </>
  );
}
