// The first page after signing in: the next step, figures of now, what failed, what is at hand.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "@/api/client";
import { useMay, useSession } from "@/api/session";
import type { Dashboard, Query, SavedQuery, Schemas } from "@/api/types";
import { BY_HAND } from "@/pages/query/search";
import { home } from "@/text/home";
import { Status } from "@/ui/Badge";
import { Figure } from "@/ui/Figure";
import { bytes, count, oneLine, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Failures } from "./Failures";
import { Steps } from "./Steps";

const REFRESH_MS = 5_000;
const RECENT_MAX = 8;

export default function Home() {
  const may = useMay();
  return (
    <Page title={home.title}>
      <div className="grid gap-4 lg:grid-cols-2">
        <Steps />
        <Box title={home.figures}>
          <Figures />
        </Box>
        <Box title={home.failed}>
          <Failures />
        </Box>
      </div>
      <div className="mt-4 grid gap-4 lg:grid-cols-3">
        {may("read:query") && (
          <Box title={home.recent}>
            <Ran />
          </Box>
        )}
        {may("read:savedquery") && (
          <Box title={home.recentQueries}>
            <Recent<SavedQuery>
              path="savedqueries"
              none={home.noQueries}
              to={(query) => `/query?saved=${encodeURIComponent(query.id)}`}
            />
          </Box>
        )}
        {may("read:dashboard") && (
          <Box title={home.recentDashboards}>
            <Recent<Dashboard>
              path="dashboards"
              none={home.noDashboards}
              to={(dashboard) => `/dashboards/${encodeURIComponent(dashboard.id)}`}
            />
          </Box>
        )}
      </div>
    </Page>
  );
}

function Box({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-xs font-semibold text-muted">{title}</h2>
      {children}
    </section>
  );
}

function Figures() {
  const may = useMay();
  const metrics = useQuery({
    queryKey: ["global-metrics"],
    queryFn: () => call<Schemas["GlobalMetricsResult"]>("global-metrics"),
    refetchInterval: REFRESH_MS,
  });
  const queries = useQuery({
    queryKey: ["queries"],
    queryFn: () => call<Query[]>("queries"),
    refetchInterval: REFRESH_MS,
    enabled: may("read:query"),
  });
  const running = queries.data?.filter((query) => query.status === "running").length;
  return (
    <Loaded of={metrics}>
      {(now) => (
        <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
          <Figure name={home.into}>{home.perSecond(bytes(now.source_throughput))}</Figure>
          <Figure name={home.out}>{home.perSecond(bytes(now.sink_throughput))}</Figure>
          <Figure name={home.storage}>{bytes(now.storage)}</Figure>
          {running !== undefined && <Figure name={home.running}>{count(running)}</Figure>}
        </dl>
      )}
    </Loaded>
  );
}

/** What the reader ran on the query page, each text once, the newest first. */
function Ran() {
  const { username } = useSession();
  const found = useQuery({ queryKey: ["queries"], queryFn: () => call<Query[]>("queries") });
  return (
    <Loaded of={found}>
      {(all) => {
        const mine = all
          .filter((one) => one.tags.includes(BY_HAND) && one.created_by.name === username)
          .toSorted((a, b) => b.start_time - a.start_time);
        const shown = [...new Map(mine.toReversed().map((one) => [one.sql, one])).values()]
          .toSorted((a, b) => b.start_time - a.start_time)
          .slice(0, RECENT_MAX);
        if (!shown.length) return <p className="text-muted">{home.noRecent}</p>;
        return (
          <ul>
            {shown.map((one) => (
              <li key={one.id} className="flex items-center gap-2">
                <Go
                  to={`/query?${new URLSearchParams({ sql: one.sql })}`}
                  className="min-w-0 flex-1 truncate py-1 font-mono text-xs text-accent hover:underline"
                >
                  {oneLine(one.sql)}
                </Go>
                {one.status === "running" && <Status value={one.status} />}
                <span className="shrink-0 text-xs text-muted">{time(one.start_time * 1000)}</span>
              </li>
            ))}
          </ul>
        );
      }}
    </Loaded>
  );
}

interface Named {
  id: string;
  name: string;
  last_updated_at: string;
}

function Recent<T extends Named>(props: { path: string; none: string; to: (one: T) => string }) {
  const found = useQuery({ queryKey: [props.path], queryFn: () => call<T[]>(props.path) });
  return (
    <Loaded of={found}>
      {(all) =>
        all.length ? (
          <ul>
            {[...all]
              .sort((a, b) => b.last_updated_at.localeCompare(a.last_updated_at))
              .slice(0, RECENT_MAX)
              .map((one) => (
                <li key={one.id}>
                  <Go
                    to={props.to(one)}
                    className="block truncate py-1 text-accent hover:underline"
                  >
                    {one.name || one.id}
                  </Go>
                </li>
              ))}
          </ul>
        ) : (
          <p className="text-muted">{props.none}</p>
        )
      }
    </Loaded>
  );
}
