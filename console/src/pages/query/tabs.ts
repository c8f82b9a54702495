// The tabs of the query page, kept outside of React: they live on while other pages are shown.
import { useSyncExternalStore } from "react";
import { workspace } from "@/app/place";
import { dropTask, tasksNow } from "@/app/tasks";
import type { Finding, Problem } from "@/editor/diagnostics";
import type { Effect } from "@/editor/statements";
import type { Live } from "@/live/useLive";
import { query } from "@/text/query";
import type { View } from "./search";

export type { View } from "./search";

/** What one statement gave. */
export interface Result {
  id: string;
  /** As it stands in the text. */
  sql: string;
  /** The running or ended query; null for a statement without rows. */
  live: Live | null;
  streaming: boolean;
}

export interface Message {
  id: number;
  at: number;
  tone: "good" | "bad" | "plain";
  text: string;
  sql: string;
  /** What the statement made. */
  made?: Effect;
}

/** An error with its place in the text as it was. */
export interface Trouble {
  problem: Problem;
  finding: Finding;
  /** Where its statement began. */
  text: string;
  /** It ran already when it failed. */
  ran: boolean;
}

export interface QueryTab {
  id: string;
  title: string;
  /** The title was given by somebody; it does not follow the SQL. */
  named: boolean;
  sql: string;
  /** As the address has it; see editor/history.ts. */
  range: string;
  view: View;
  saved: { id: string; name: string } | null;
  results: Result[];
  /** The result that is on screen. */
  shown: string;
  messages: Message[];
  trouble: Trouble | null;
  /** Statements are on their way. */
  busy: boolean;
  /** The first of them has rows, by its first word. */
  awaitsRows: boolean;
  /** At least one query of the tab runs. */
  running: boolean;
  /** Something ended while nobody looked. */
  unseen: "" | "finished" | "failed";
  /** The reader is told once that such a query has no end. */
  coach: boolean;
}

export interface Tabs {
  tabs: QueryTab[];
  active: string;
}

export const TABS_MAX = 30;
const MESSAGES_MAX = 200;
const KEPT_MS = 150;

type Kept = Pick<QueryTab, "id" | "title" | "named" | "sql" | "range" | "view" | "saved">;

const readers = new Set<() => void>();
const place = workspace();
const KEY = `tailrace.query.${place}`;
let messages = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let state: Tabs = restored();

function fresh(change: Partial<QueryTab>): QueryTab {
  return {
    id: newId(),
    title: "",
    named: false,
    sql: "",
    range: "",
    view: "table",
    saved: null,
    results: [],
    shown: "",
    messages: [],
    trouble: null,
    busy: false,
    awaitsRows: false,
    running: false,
    unseen: "",
    coach: false,
    ...change,
  };
}

function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), (n) => n.toString(36)).join("");
}

function untitled(tabs: QueryTab[]): string {
  const taken = new Set(tabs.map((tab) => tab.title));
  let n = 1;
  while (taken.has(query.tabs.untitled(n))) n += 1;
  return query.tabs.untitled(n);
}

function restored(): Tabs {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "") as { tabs: Kept[]; active: string };
    const tabs = kept.tabs.filter((tab) => tab.id && typeof tab.sql === "string").map(fresh);
    if (tabs.length)
      return { tabs, active: tabs.find((one) => one.id === kept.active)?.id ?? tabs[0]!.id };
  } catch {
    // Nothing kept, or not by this version: begin with an empty tab.
  }
  const first = fresh({ title: query.tabs.untitled(1) });
  return { tabs: [first], active: first.id };
}

function keep(): void {
  clearTimeout(timer);
  timer = undefined;
  const tabs = state.tabs.map(
    ({ id, title, named, sql, range, view, saved }): Kept => ({
      id,
      title,
      named,
      sql,
      range,
      view,
      saved,
    }),
  );
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ tabs, active: state.active }));
  } catch {
    // The storage is full or forbidden: the address still holds the active tab.
  }
}

function set(next: Tabs): void {
  state = next;
  for (const reader of [...readers]) reader();
  timer ??= setTimeout(keep, KEPT_MS);
}

window.addEventListener("pagehide", keep);

export function subscribe(reader: () => void): () => void {
  readers.add(reader);
  return () => readers.delete(reader);
}

export function tabsNow(): Tabs {
  return state;
}

export function useTabs(): Tabs {
  return useSyncExternalStore(subscribe, tabsNow);
}

export function tabOf(id: string): QueryTab | undefined {
  return state.tabs.find((one) => one.id === id);
}

export function activeTab(): QueryTab {
  return tabOf(state.active) ?? state.tabs[0]!;
}

export function change(id: string, what: Partial<QueryTab>): void {
  set({ ...state, tabs: state.tabs.map((tab) => (tab.id === id ? { ...tab, ...what } : tab)) });
}

export function activate(id: string): void {
  if (!tabOf(id)) return;
  set({ ...state, active: id });
  change(id, { unseen: "" });
  if (tasksNow().some((one) => one.id === taskOf(id) && one.state !== "running"))
    dropTask(taskOf(id));
}

/** Opens a tab and goes to it; an empty one that was never used is taken instead of a new one. */
export function openTab(what: Partial<QueryTab> = {}): QueryTab {
  const spare = activeTab();
  const unused = !spare.sql.trim() && !spare.results.length && !spare.messages.length;
  if (what.sql && unused && !what.id) {
    change(spare.id, { ...what, title: what.title ?? spare.title });
    return tabOf(spare.id)!;
  }
  const tabs = state.tabs.length >= TABS_MAX ? withoutOldest(state.tabs) : state.tabs;
  const tab = fresh({ ...what, title: what.title || untitled(tabs) });
  set({ tabs: [...tabs, tab], active: tab.id });
  return tab;
}

/** Makes room: an empty tab goes first, then the leftmost that runs nothing. */
function withoutOldest(tabs: QueryTab[]): QueryTab[] {
  const gone = tabs.find((tab) => !tab.sql.trim()) ?? tabs.find((tab) => !tab.running) ?? tabs[0]!;
  endResults(gone);
  return tabs.filter((tab) => tab !== gone);
}

export function closeTab(id: string): void {
  const at = state.tabs.findIndex((one) => one.id === id);
  const tab = state.tabs[at];
  if (!tab) return;
  endResults(tab);
  const tabs = state.tabs.filter((one) => one.id !== id);
  if (!tabs.length) tabs.push(fresh({ title: query.tabs.untitled(1) }));
  const active = state.active === id ? tabs[Math.min(at, tabs.length - 1)]!.id : state.active;
  set({ tabs, active });
}

/** The task that stands for the queries of a tab. */
export function taskOf(id: string): string {
  return `query ${id}`;
}

export function endResults(tab: QueryTab): void {
  dropTask(taskOf(tab.id));
  for (const result of tab.results) result.live?.close();
}

export function say(id: string, message: Omit<Message, "id" | "at">): void {
  const tab = tabOf(id);
  if (!tab) return;
  messages += 1;
  const all = [...tab.messages, { ...message, id: messages, at: Date.now() }];
  change(id, { messages: all.slice(-MESSAGES_MAX) });
}
