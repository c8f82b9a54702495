// What the address of the query page says; read by the router before the page is loaded.
/** The tag of what somebody ran on the query page, among the queries of panels and pages. */
export const BY_HAND = "query";

export const VIEWS = ["table", "chart", "plan", "statistics", "messages"] as const;
export type View = (typeof VIEWS)[number];

export interface QuerySearch {
  tab?: string;
  sql?: string;
  /** As editor/history.ts reads it. */
  range?: string;
  view?: View;
  /** A saved query that belongs to the text. */
  saved?: string;
  /** Run it at once; only statements that read. */
  run?: boolean;
  /** Asks for a sample stream. */
  sample?: boolean;
}

/** What of an address is understood; the rest is left out. */
export function readSearch(search: Record<string, unknown>): QuerySearch {
  const text = (name: string) => {
    const value = search[name];
    if (typeof value === "string") return value || undefined;
    // The router makes numbers and objects of texts that look like some.
    return value === undefined || value === null ? undefined : JSON.stringify(value);
  };
  const found: QuerySearch = {
    tab: text("tab"),
    sql: text("sql"),
    range: text("range"),
    view: VIEWS.find((one) => one === search.view),
    saved: text("saved"),
    run: search.run === true || search.run === 1 || undefined,
    sample: search.sample === true || undefined,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** What of the history is shown. */
export interface HistorySearch {
  status?: string;
  user?: string;
}

export function historySearch(search: Record<string, unknown>): HistorySearch {
  const { status, user } = search;
  return {
    ...(typeof status === "string" && { status }),
    ...(typeof user === "string" && { user }),
  };
}
