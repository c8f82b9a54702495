// Files that are being sent: they go on while other pages are shown, and stand among the tasks.
import { useSyncExternalStore } from "react";
import { dropTask, endTask, startTask } from "@/app/tasks";
import { ingest as text } from "@/text/ingest";
import { bytes } from "@/ui/format";
import { postBatch } from "./calls";
import { type Batches, batchesOf } from "./file";
import type { Format } from "./format";
import type { Plan } from "./plan";
import { Rejects } from "./rejects";
import { Run, type State } from "./run";

export interface Job {
  file: Blob;
  name: string;
  format: Format;
  plan: Plan;
  stream: string;
  /** Of a CSV: as its file names them. */
  names: string[];
}

const ID_BYTES = 12;

/** Letters for an id; `crypto.randomUUID` is not there on plain HTTP. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const storeKey = (job: Job): string =>
  `tailrace.ingest.${JSON.stringify([
    job.stream,
    job.name,
    job.file.size,
    job.file instanceof File ? job.file.lastModified : 0,
    job.format,
    // Types decide which rows are rejected, and so where batches end.
    job.plan.targets.map(({ from, name, type }) => [
      from,
      name,
      type.toLowerCase().replace(/\s/g, ""),
    ]),
  ])}`;

/** The id of a sending of this file that was not finished in this browser tab, or a new one: after
 * a reload the batches that were stored are told by it, and not stored again. */
function idOf(job: Job): string {
  const key = storeKey(job);
  const found = sessionStorage.getItem(key);
  const id = found ?? `console-${randomId()}`;
  sessionStorage.setItem(key, id);
  return id;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

export interface Sending {
  id: string;
  job: Job;
  state: State;
  rejects: Rejects;
  goOn: () => void;
  cancel: () => void;
}

const START: State = { phase: "running", stored: 0, read: 0, rejected: 0, error: null };
// What is over is kept for its page until others take its place; its file is held as long.
const KEPT_MAX = 10;

const sendings = new Map<string, Sending>();
const readers = new Set<() => void>();

/** Begins to send a file; the id by which its page shows it. */
export function startSending(job: Job): string {
  const id = randomId();
  const rejects = new Rejects();
  const run = new Run({
    plan: job.plan,
    id: idOf(job),
    next: () => batches.next(),
    post: (body, type, batch, signal) => postBatch(job.stream, body, type, batch, signal),
    rejected: (row) => rejects.add(row),
    changed: (state) => changed(id, state),
    sleep,
  });
  const batches: Batches = batchesOf(job.file, job.format, job.plan, (rows) => {
    for (const row of rows) rejects.add(row);
    run.count(rows.length);
  });
  const go = () => {
    inTray(id);
    void run.go().finally(() => {
      if (sendings.get(id)?.state.phase !== "stopped") batches.close();
    });
  };
  const cancel = () => {
    const stopped = sendings.get(id)?.state.phase === "stopped";
    run.cancel();
    if (stopped) batches.close();
  };
  sendings.set(id, { id, job, state: START, rejects, goOn: go, cancel });
  forget();
  go();
  return id;
}

function changed(id: string, state: State): void {
  const sending = sendings.get(id);
  if (!sending) return;
  sendings.set(id, { ...sending, state });
  if (state.phase === "done") sessionStorage.removeItem(storeKey(sending.job));
  if (state.phase !== "running") told(id, state);
  for (const reader of [...readers]) reader();
}

const taskOf = (id: string): string => `ingest ${id}`;

function inTray(id: string): void {
  const { job, cancel } = sendings.get(id)!;
  const now = () => sendings.get(id)?.state ?? START;
  startTask({
    id: taskOf(id),
    title: `${job.name} → ${job.stream}`,
    detail: () => text.read(bytes(now().read), bytes(job.file.size)),
    share: () => Math.min(1, now().read / Math.max(1, job.file.size)),
    to: `/ingest?sending=${id}`,
    cancel,
  });
}

/** The task is over with what it came to; who cancels one knows it. */
function told(id: string, { phase, stored, rejected, error }: State): void {
  const rows = text.told(stored, rejected);
  if (phase === "cancelled") dropTask(taskOf(id));
  else if (phase === "done") endTask(taskOf(id), "done", rows);
  else endTask(taskOf(id), "failed", `${error?.message ?? text.stopped} ${rows}`);
}

function forget(): void {
  const over = [...sendings.values()].filter(({ state }) => state.phase !== "running");
  for (const old of over.slice(0, Math.max(0, sendings.size - KEPT_MAX))) {
    if (old.state.phase === "stopped") old.cancel();
    sendings.delete(old.id);
  }
}

/** The sending of this id as it is now; undefined when this browser tab has none (any more). */
export function useSending(id: string): Sending | undefined {
  return useSyncExternalStore(
    (reader) => {
      readers.add(reader);
      return () => readers.delete(reader);
    },
    () => sendings.get(id),
  );
}
