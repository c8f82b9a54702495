// What buttons and keys of the query page do with the active tab.
import { toggleComment } from "@codemirror/commands";
import type { QueryClient } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { workspace } from "@/app/place";
import { rangeOf } from "@/editor/history";
import { tokens } from "@/editor/scan";
import { type Statement, statementAt, statements } from "@/editor/statements";
import { currentView, focusEditor, replaceText, selection } from "@/editor/view";
import { query } from "@/text/query";
import { copyText } from "@/ui/Copy";
import { notify } from "@/ui/Toast";
import { runTab } from "./run";
import { saveAgain } from "./SaveDialog";
import { activeTab } from "./tabs";

const HISTORY_SPAN = "15m";
// Longer addresses are cut by proxies and mail programs.
const LINK_MAX = 8_000;

export interface Actions {
  run: () => void;
  runAll: () => void;
  runOnHistory: (span?: string) => void;
  format: () => void;
  comment: () => void;
  save: () => void;
  saveAs: () => void;
  share: () => void;
}

/** The marked part of the text, or the statement at the cursor. */
export function chosen(): Statement[] {
  const { sql } = activeTab();
  const { at, from, to } = selection();
  if (to > from)
    return statements(sql.slice(from, to)).map((one) => ({
      text: one.text,
      from: one.from + from,
      to: one.to + from,
    }));
  const one = statementAt(sql, at);
  return one ? [one] : [];
}

/** The address that opens this text, range and result tab somewhere else. */
export function linkOf(): string {
  const { sql, range, view, saved } = activeTab();
  const words = new URLSearchParams();
  if (workspace()) words.set("ws", workspace());
  if (saved) words.set("saved", saved.id);
  words.set("sql", sql);
  if (range) words.set("range", range);
  if (view !== "table") words.set("view", view);
  return new URL(`./query?${words}`, document.baseURI).href;
}

export function actionsOf(client: QueryClient, askForName: () => void): Actions {
  const run = (parts: Statement[], span?: string) => {
    const range = span ? (rangeOf(`now-${span}`) ?? undefined) : undefined;
    void runTab(client, activeTab().id, parts, range);
  };
  return {
    run: () => run(chosen()),
    runAll: () => run(statements(activeTab().sql)),
    runOnHistory: (span = HISTORY_SPAN) => run(chosen(), span),
    format: () => void format(),
    comment: () => {
      const view = currentView();
      if (view) toggleComment(view);
      focusEditor();
    },
    save: () => {
      const tab = activeTab();
      if (!tab.saved) return askForName();
      saveAgain(tab)
        .then(() => {
          notify(query.saved(tab.saved!.name));
          return client.invalidateQueries({ queryKey: ["savedqueries"] });
        })
        .catch((error: Error) => notify(error.message, "bad"));
    },
    saveAs: askForName,
    share: () => void share(),
  };
}

async function share(): Promise<void> {
  const link = linkOf();
  if (link.length > LINK_MAX) return notify(query.tooLong, "bad");
  try {
    await copyText(link);
    notify(query.shared);
  } catch (error) {
    notify((error as Error).message, "bad");
  }
}

/** Formats the marked statements, or all; comments between them stay, one inside is not risked. */
async function format(): Promise<void> {
  const { from, to } = selection();
  const { sql, id } = activeTab();
  const parts = statements(sql).filter((one) => to === from || (one.from < to && one.to > from));
  if (parts.some((one) => tokens(one.text, true).some((token) => token.kind === "comment")))
    return notify(query.formatComments, "bad");
  try {
    const made = await Promise.all(
      parts.map((one) =>
        call<Schemas["FormatQueryResponse"]>("format", { body: { sql: one.text } }),
      ),
    );
    // Who typed on meanwhile is not written over.
    if (activeTab().id !== id || activeTab().sql !== sql) return;
    let text = sql;
    for (const [n, part] of [...parts.entries()].reverse())
      text = text.slice(0, part.from) + made[n]!.sql + text.slice(part.to);
    if (text !== sql) replaceText(0, sql.length, text);
    focusEditor();
  } catch (error) {
    notify((error as Error).message, "bad");
  }
}
