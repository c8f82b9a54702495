// All routes of the console; each page's code is loaded when it is opened.
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import { sessionQuery } from "@/api/session";
import { Elsewhere } from "@/app/Elsewhere";
import { Shell } from "@/app/Shell";
import { app } from "@/text/app";
import { Failure } from "@/ui/Failure";
import { Go } from "@/ui/Go";
import { Page } from "@/ui/Page";
import { Skeleton } from "@/ui/Skeleton";
import { ROOT } from "./app/place";
import { boardSearch } from "./pages/dashboards/search";
import { exploreSearch } from "./pages/explore/search";
import { lineageSearch } from "./pages/lineage/search";
import Login from "./pages/login";
import { historySearch, readSearch } from "./pages/query/search";
import { readSearch as timeseriesSearch } from "./pages/timeseries/search";

interface Context {
  client: QueryClient;
}

interface Everywhere {
  /** The workspace; without it the default one. */
  ws?: string;
  /** The object of the side panel, as `kind:name`. */
  panel?: string;
}

export const rootRoute = createRootRouteWithContext<Context>()({
  validateSearch: (search): Everywhere => ({
    ...(typeof search.ws === "string" && { ws: search.ws }),
    ...(typeof search.panel === "string" && { panel: search.panel }),
  }),
  search: { middlewares: [retainSearchParams<Everywhere>(["ws"])] },
  component: Outlet,
  notFoundComponent: () => (
    <Page title={app.notFound}>
      <Go to="/" className="text-accent underline">
        {app.home}
      </Go>
    </Page>
  ),
});

const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  validateSearch: (search): { next?: string } =>
    typeof search.next === "string" && /^\/(?!\/)/.test(search.next) ? { next: search.next } : {},
  component: () => <Login next={loginRoute.useSearch().next ?? "/"} />,
});

const firstRunRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/first-run",
  component: lazyRouteComponent(() => import("./pages/login/FirstRun")),
});

/** Parent of all pages that ask for a signed-in user. */
export const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "shell",
  component: Shell,
  errorComponent: Elsewhere,
  beforeLoad: async ({ context, location }) => {
    const session = await context.client.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/login", search: { next: location.href } });
  },
});

const homeRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/home")),
});

const adminRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/admin/{-$tab}",
  component: lazyRouteComponent(() => import("./pages/admin/Route")),
});

const alertsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/alerts",
  component: lazyRouteComponent(() => import("./pages/alerts")),
});

const alertFormRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/alerts/new",
  validateSearch: (search): { id?: string; copy?: boolean; sql?: string; name?: string } => ({
    ...(search.id !== undefined && { id: String(search.id) }),
    ...(search.copy === true && { copy: true }),
    ...(search.sql !== undefined && { sql: String(search.sql) }),
    ...(search.name !== undefined && { name: String(search.name) }),
  }),
  component: lazyRouteComponent(() => import("./pages/alerts/Form")),
});

const alertRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/alerts/$id",
  component: lazyRouteComponent(() => import("./pages/alerts/Detail")),
});

const sourcesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sources",
  component: lazyRouteComponent(() => import("./pages/sources")),
});

const sourceWizardRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sources/new",
  validateSearch: (search): { sql?: string } =>
    search.sql === undefined ? {} : { sql: String(search.sql) },
  component: lazyRouteComponent(() => import("./pages/connectors/SourceWizard")),
});

const sourceRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sources/$id",
  validateSearch: (search): { tab?: string } =>
    search.tab === undefined ? {} : { tab: String(search.tab) },
  component: lazyRouteComponent(() => import("./pages/sources/Detail")),
});

const sinksRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sinks",
  component: lazyRouteComponent(() => import("./pages/sinks")),
});

const sinkWizardRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sinks/new",
  validateSearch: (search): { sql?: string } =>
    search.sql === undefined ? {} : { sql: String(search.sql) },
  component: lazyRouteComponent(() => import("./pages/connectors/SinkWizard")),
});

const sinkRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/sinks/$id",
  validateSearch: (search): { tab?: string } =>
    search.tab === undefined ? {} : { tab: String(search.tab) },
  component: lazyRouteComponent(() => import("./pages/sinks/Detail")),
});

const queryRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/query",
  validateSearch: readSearch,
  component: lazyRouteComponent(() => import("./pages/query")),
});

const queryHistoryRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/query/history",
  validateSearch: historySearch,
  component: lazyRouteComponent(() => import("./pages/query/history")),
});

const savedRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/saved",
  component: lazyRouteComponent(() => import("./pages/saved")),
});

const savedOneRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/saved/$id",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/query", search: { saved: params.id } });
  },
});

const dashboardsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/dashboards",
  component: lazyRouteComponent(() => import("./pages/dashboards")),
});

const dashboardRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/dashboards/$id",
  validateSearch: boardSearch,
  component: lazyRouteComponent(() => import("./pages/dashboards/Board")),
});

const exploreRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/explore/{-$stream}",
  validateSearch: exploreSearch,
  component: lazyRouteComponent(() => import("./pages/explore")),
});

const streamsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/streams",
  component: lazyRouteComponent(() => import("./pages/streams")),
});

const streamRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/streams/$name",
  validateSearch: (search): { tab?: string } =>
    search.tab === undefined ? {} : { tab: String(search.tab) },
  component: lazyRouteComponent(() => import("./pages/streams/Detail")),
});

const ingestRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/ingest",
  validateSearch: (search): { stream?: string; sending?: string } => ({
    ...(search.stream !== undefined && { stream: String(search.stream) }),
    ...(search.sending !== undefined && { sending: String(search.sending) }),
  }),
  component: lazyRouteComponent(() => import("./pages/ingest")),
});

const functionsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/functions",
  validateSearch: (search): { tab?: string; q?: string } => ({
    ...(search.tab !== undefined && { tab: String(search.tab) }),
    ...(search.q !== undefined && { q: String(search.q) }),
  }),
  component: lazyRouteComponent(() => import("./pages/functions")),
});

const functionRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/functions/$name",
  component: lazyRouteComponent(() => import("./pages/functions/Detail")),
});

const schemasRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/schemas",
  component: lazyRouteComponent(() => import("./pages/schemas")),
});

const schemaRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/schemas/$name",
  component: lazyRouteComponent(() => import("./pages/schemas/Detail")),
});

const externalRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/external",
  component: lazyRouteComponent(() => import("./pages/external")),
});

const externalWizardRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/external/new",
  component: lazyRouteComponent(() => import("./pages/external/NewExternal")),
});

const externalOneRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/external/$kind/$name",
  validateSearch: (search): { tab?: string } =>
    search.tab === undefined ? {} : { tab: String(search.tab) },
  component: lazyRouteComponent(() => import("./pages/external/Detail")),
});

const viewsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/views",
  component: lazyRouteComponent(() => import("./pages/views")),
});

const viewRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/views/$name",
  validateSearch: (search): { tab?: string } =>
    search.tab === undefined ? {} : { tab: String(search.tab) },
  component: lazyRouteComponent(() => import("./pages/views/Detail")),
});

const lineageRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/lineage",
  validateSearch: lineageSearch,
  component: lazyRouteComponent(() => import("./pages/lineage")),
});

const timeseriesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/timeseries",
  validateSearch: timeseriesSearch,
  component: lazyRouteComponent(() => import("./pages/timeseries")),
});

const routeTree = rootRoute.addChildren([
  loginRoute,
  firstRunRoute,
  shellRoute.addChildren([
    homeRoute,
    queryRoute,
    queryHistoryRoute,
    exploreRoute,
    dashboardsRoute,
    dashboardRoute,
    alertsRoute,
    alertFormRoute,
    alertRoute,
    sourcesRoute,
    sourceWizardRoute,
    sourceRoute,
    streamsRoute,
    streamRoute,
    ingestRoute,
    viewsRoute,
    viewRoute,
    externalRoute,
    externalWizardRoute,
    externalOneRoute,
    functionsRoute,
    functionRoute,
    schemasRoute,
    schemaRoute,
    sinksRoute,
    sinkWizardRoute,
    sinkRoute,
    savedRoute,
    savedOneRoute,
    lineageRoute,
    timeseriesRoute,
    adminRoute,
  ]),
]);

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree,
    context: { client },
    basepath: `${ROOT}console`,
    defaultPreload: "intent",
    defaultPendingMs: 200,
    defaultPendingComponent: () => <Skeleton />,
    defaultErrorComponent: ({ error, reset }) => <Failure error={error as Error} retry={reset} />,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
