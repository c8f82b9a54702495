// Keeps the page's address and the active tab the same: a link opens what its reader sees.
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { call } from "@/api/client";
import type { SavedQuery } from "@/api/types";
import { rangeOf } from "@/editor/history";
import { onlyReads } from "@/editor/statements";
import { query } from "@/text/query";
import { notify } from "@/ui/Toast";
import { allOf, runTab } from "./run";
import type { QuerySearch } from "./search";
import { activate, change, openTab, tabOf, useTabs } from "./tabs";

const WRITE_MS = 250;
// What is longer stays out of the address; the tab itself is kept in the session.
const SQL_MAX = 6_000;

export function useAddress(search: QuerySearch): void {
  const navigate = useNavigate();
  const client = useQueryClient();
  const { tabs, active } = useTabs();
  const tab = tabs.find((one) => one.id === active)!;
  const taken = useRef<QuerySearch | null>(null);
  // An address that somebody came with.
  useEffect(() => {
    if (taken.current === search) return;
    taken.current = search;
    if (search.tab && tabOf(search.tab)) return activate(search.tab);
    if (search.sql === undefined && !search.saved) return;
    const { sql = "", view = "table" } = search;
    const range = search.range && rangeOf(search.range) ? search.range : "";
    const opened = openTab({ sql, range, view, ...(search.tab && { id: search.tab }) });
    if (search.saved) void openSaved(opened.id, search.saved, !search.sql);
    if (search.run && onlyReads(sql)) void runTab(client, opened.id, allOf(sql));
  }, [search, client]);
  // What the tab became since.
  const { id, sql, range, view, saved } = tab;
  const savedId = saved?.id;
  useEffect(() => {
    const timer = setTimeout(() => {
      const now: QuerySearch = {
        tab: id,
        sql: sql && sql.length <= SQL_MAX ? sql : undefined,
        range: range || undefined,
        view: view === "table" ? undefined : view,
        saved: savedId,
        run: undefined,
        sample: undefined,
      };
      void navigate({
        to: "/query",
        replace: true,
        search: (old: Record<string, unknown>) => {
          const next = { ...old, ...now };
          return next as QuerySearch;
        },
      });
    }, WRITE_MS);
    return () => clearTimeout(timer);
  }, [navigate, id, sql, range, view, savedId]);
}

/** Links the tab with its saved query, and takes its text if the address had none. */
async function openSaved(id: string, saved: string, withText: boolean): Promise<void> {
  try {
    const found = await call<SavedQuery>(`savedqueries/${encodeURIComponent(saved)}`);
    change(id, {
      saved: { id: found.id, name: found.name },
      title: found.name,
      named: true,
      ...(withText && { sql: found.sql }),
    });
  } catch {
    notify(query.savedPage.gone, "bad");
  }
}
