// Opens SQL in a tab of the query page, from anywhere in the console.
import type { QueryClient } from "@tanstack/react-query";
import { allOf, runTab } from "./run";
import { openTab, type QueryTab } from "./tabs";

interface Opening extends Partial<Pick<QueryTab, "title" | "range" | "view" | "saved" | "coach">> {
  sql: string;
  /** Run it at once. */
  run?: boolean;
}

/** The caller goes to /query with the tab's id as `tab`. */
export function openSql(client: QueryClient, { run, ...what }: Opening): QueryTab {
  const tab = openTab({ ...what, named: !!what.title });
  if (run) void runTab(client, tab.id, allOf(what.sql));
  return tab;
}
