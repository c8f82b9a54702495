// The first page after signing in: the next step, figures of now, what failed, what is at hand.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Dashboard, Query, SavedQuery, Schemas } from "@/api/types";
import { home } from "@/text/home";
import { Figure } from "@/ui/Figure";
import { bytes, compact } from "@/ui/format";
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
        <div className="lg:col-span-2">
          <Steps />
        </div>
        <Box title={home.figures}>
          <Figures />
        </Box>
        <Box title={home.failed}>
          <Failures />
        </Box>
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
          <Figure name={home.into}>{`${compact(now.source_throughput)}${home.perSecond}`}</Figure>
          <Figure name={home.out}>{`${compact(now.sink_throughput)}${home.perSecond}`}</Figure>
          <Figure name={home.storage}>{bytes(now.storage)}</Figure>
          {running !== undefined && <Figure name={home.running}>{compact(running)}</Figure>}
        </dl>
      )}
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
