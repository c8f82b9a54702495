// Strings of the home page.
export const home = {
  title: "Home",
  steps: "Get started",
  step: {
    sample: {
      title: "Get rows in",
      why: "Make a sample stream in one click, connect a source, or ingest a file.",
      action: "Create sample stream",
    },
    query: {
      title: "Ask a streaming query",
      why: "A query has no end: rows come as they happen. Save one to keep it.",
      action: "Open Query",
    },
    dashboard: {
      title: "Build a live dashboard",
      why: "Charts, tables and values that follow the stream.",
      action: "Open dashboards",
    },
    alert: {
      title: "Be told",
      why: "An alert fires on what a query finds. Test it on history before you switch it on.",
      action: "Create alert",
    },
  },
  done: "done",
  open: "to do",
  figures: "Now",
  into: "Rows in by sources",
  out: "Rows out by sinks",
  storage: "Stored",
  running: "Running queries",
  perSecond: "/s",
  failed: "Needs attention",
  failedNone: "No source, sink, view or alert has failed.",
  recentQueries: "Saved queries",
  recentDashboards: "Dashboards",
  noQueries: "None saved yet.",
  noDashboards: "None yet.",
  kind: { source: "Source", sink: "Sink", alert: "Alert", view: "Materialized view" },
};
