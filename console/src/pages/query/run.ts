// Runs the statements of a tab one after the other and follows what becomes of them.
import type { QueryClient } from "@tanstack/react-query";
import { ApiError, call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { dropTask, endTask, startTask } from "@/app/tasks";
import type { Catalog } from "@/editor/catalog";
import { catalogQuery } from "@/editor/catalogQuery";
import { locate, type Problem } from "@/editor/diagnostics";
import { ends, LIVE, type Range, rangeOf, withRange } from "@/editor/history";
import { sourcesOf } from "@/editor/scope";
import { type Effect, effectOf, hasRows, type Statement, statements } from "@/editor/statements";
import { type Live, openLive, type Status } from "@/live/useLive";
import { query } from "@/text/query";
import { oneLine } from "@/ui/format";
import { BY_HAND } from "./search";
import { change, endResults, type Result, say, tabOf, taskOf } from "./tabs";
import { ended } from "./title";

type Analysis = Schemas["SQLAnalyzeResult"];

// Statements of one run that have rows; each holds a buffer in the worker.
const RESULTS_MAX = 8;
const OVER: ReadonlySet<Status> = new Set(["finished", "canceled", "failed"]);

let runs = 0;
/** The newest run of each tab; an older one stops at its next step. */
const newest = new Map<string, number>();

export function isOver(status: Status): boolean {
  return OVER.has(status);
}

/** What the run button runs: the marked part, else all statements of `parts`. */
export async function runTab(
  client: QueryClient,
  id: string,
  parts: Statement[],
  range?: Range,
): Promise<void> {
  const tab = tabOf(id);
  if (!tab || !parts.length) return;
  runs += 1;
  const run = runs;
  newest.set(id, run);
  endResults(tab);
  const first = parts[0]!.text;
  change(id, {
    results: [],
    shown: "",
    trouble: null,
    busy: true,
    awaitsRows: hasRows(effectOf(first).verb),
    running: true,
    unseen: "",
    // Rows are what somebody runs a query for; without any, messages are all there is.
    ...(tab.view === "messages" && { view: "table" as const }),
    ...(!tab.named && { title: titleOf(first) || tab.title }),
  });
  const over = range ?? rangeOf(tab.range) ?? LIVE;
  for (const [n, part] of parts.entries()) {
    const good = await step(client, id, run, part, over, n < parts.length - 1);
    if (newest.get(id) !== run || !tabOf(id)) return;
    if (!good) {
      const left = parts.length - n - 1;
      if (left) say(id, { tone: "bad", text: query.message.skipped(left), sql: "" });
      break;
    }
  }
  change(id, { busy: false, running: anyRuns(id) });
}

/** One statement; false: what stands behind it is not run. */
async function step(
  client: QueryClient,
  id: string,
  run: number,
  part: Statement,
  range: Range,
  more: boolean,
): Promise<boolean> {
  const stale = () => newest.get(id) !== run || !tabOf(id);
  const catalog = client.getQueryData(catalogQuery.queryKey);
  try {
    const analysis = await call<Analysis>("sqlanalyze", { body: { sql: part.text } });
    if (stale()) return false;
    if (!hasRows(analysis.query_type)) {
      await call("queries/exec", { body: { sql: part.text } });
      told(client, id, part.text);
      return true;
    }
    const sql = withRange(part.text, range, catalog);
    const result = begin(id, part, sql, analysis.is_streaming && !ends(range), catalog);
    // A statement behind a query that ends may count on its end.
    return !more || result.streaming || (await over(result.live!));
  } catch (error) {
    if (!stale()) refused(id, part, problemOf(error), catalog, false);
    return false;
  }
}

function begin(
  id: string,
  part: Statement,
  sql: string,
  streaming: boolean,
  catalog: Catalog | undefined,
): Result {
  const live = openLive({ sql, tags: [BY_HAND] });
  const result: Result = { id: live.id, sql: part.text, live, streaming };
  const old = tabOf(id)?.results ?? [];
  for (const one of old.slice(0, Math.max(0, old.length + 1 - RESULTS_MAX))) one.live?.close();
  change(id, {
    results: [...old, result].slice(-RESULTS_MAX),
    shown: result.id,
    running: true,
  });
  const how = streaming ? query.message.live : query.message.bounded;
  say(id, { tone: "plain", text: `${query.message.started}, ${how}.`, sql: part.text });
  let last: Status = "starting";
  live.onState(() => {
    const { status, error } = live.state();
    if (status === last) return;
    last = status;
    if (status === "running") change(id, { running: true });
    if (!isOver(status)) return;
    if (status === "failed" && error)
      refused(id, part, sql === part.text ? error : withoutPlace(error), catalog, true);
    else void toldRows(id, live, part.text, status === "canceled");
    change(id, { running: anyRuns(id) });
    const seen = ended(id, status === "failed" ? "failed" : "finished");
    if (anyRuns(id)) return;
    if (seen || status === "canceled") dropTask(taskOf(id));
    else if (status === "failed") endTask(taskOf(id), "failed", error?.message ?? "");
    else endTask(taskOf(id), "done", query.rows(live.counts().received));
  });
  inTray(id, part.text, live, streaming);
  return result;
}

/** Among the tasks of the top bar, so that it is found from other pages. */
function inTray(id: string, sql: string, live: Live, streaming: boolean): void {
  const { named = false, title = "" } = tabOf(id) ?? {};
  startTask({
    id: taskOf(id),
    title: named ? title : oneLine(sql),
    detail: () => {
      const rows = query.rows(live.counts().received);
      return streaming ? `${query.message.live} · ${rows}` : rows;
    },
    to: `/query?tab=${id}`,
    cancel: () => cancelTab(id),
  });
}

/** How many rows came until the end; the counts on screen may be those of a moment before. */
async function toldRows(id: string, live: Live, sql: string, canceled: boolean): Promise<void> {
  const held = await live.rows(0, 0).then(
    (page) => page.total,
    () => 0,
  );
  const rows = query.rows(Math.max(held, live.counts().received));
  const text = canceled ? query.message.canceled : query.message.finished;
  say(id, { tone: "plain", text: text(rows), sql });
}

/** Resolves when the query is over: true unless it failed. */
function over(live: Live): Promise<boolean> {
  return new Promise((done) => {
    const look = () => {
      const { status } = live.state();
      if (!isOver(status)) return;
      stop();
      done(status === "finished");
    };
    const stop = live.onState(look);
    look();
  });
}

function anyRuns(id: string): boolean {
  return !!tabOf(id)?.results.some((one) => one.live && !isOver(one.live.state().status));
}

/** Ends all queries of the tab; their rows stay. */
export function cancelTab(id: string): void {
  runs += 1;
  newest.set(id, runs);
  for (const result of tabOf(id)?.results ?? [])
    if (result.live && !isOver(result.live.state().status)) result.live.cancel();
  change(id, { busy: false, running: anyRuns(id) });
}

function refused(
  id: string,
  part: Statement,
  problem: Problem,
  catalog: Catalog | undefined,
  ran: boolean,
): void {
  const text = tabOf(id)?.sql ?? "";
  // The text may have changed since: then the place is that of the statement where it now stands.
  const start = text.startsWith(part.text, part.from) ? part.from : text.indexOf(part.text);
  const finding =
    start < 0
      ? { from: 0, to: 0, message: problem.message, fixes: [] }
      : locate(text, start, part.text, problem, catalog);
  say(id, { tone: "bad", text: problem.message, sql: part.text });
  change(id, { trouble: { problem, finding, text, ran } });
  if (!ran) ended(id, "failed");
}

function problemOf(error: unknown): Problem {
  if (!(error instanceof ApiError)) return { message: (error as Error).message, code: 0 };
  const { message, code, line, column, hint, replacement } = error;
  return { message, code, line, column, hint, replacement };
}

/** Of a statement that was changed on its way the place says nothing to the reader. */
function withoutPlace(problem: Problem): Problem {
  return { message: problem.message, code: problem.code, hint: problem.hint };
}

/** Says what a statement without rows did, and has the catalog read anew. */
function told(client: QueryClient, id: string, sql: string): void {
  const effect = effectOf(sql);
  say(id, { tone: "good", text: sentence(effect), sql, made: effect });
  if (effect.verb !== "INSERT") void client.invalidateQueries();
}

function sentence({ verb, kind, name }: Effect): string {
  if (verb === "CREATE" && name) return query.message.made(kind, name);
  if (verb === "DROP" && name) return query.message.dropped(kind, name);
  if (verb === "INSERT" && name) return query.message.inserted(name);
  return query.message.done(verb);
}

/** A name for the tab: what the statement reads or makes. */
function titleOf(sql: string): string {
  const effect = effectOf(sql);
  if (!hasRows(effect.verb)) return effect.name;
  return sourcesOf(sql).find((one) => one.name)?.name ?? "";
}

/** All statements of a text, for a run without a cursor. */
export function allOf(sql: string): Statement[] {
  return statements(sql);
}
