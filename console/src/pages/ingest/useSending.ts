// One sending of a file: the run, its rejected rows, and the id that a repeated one finds again.
import { useEffect, useRef, useState } from "react";
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
  state: State;
  rejects: Rejects;
  goOn: () => void;
  cancel: () => void;
}

const START: State = { phase: "running", stored: 0, read: 0, rejected: 0, error: null };

/** Begins when the job is there; ends with the page. */
export function useSending(job: Job): Sending {
  const [state, setState] = useState(START);
  const [rejects] = useState(() => new Rejects());
  const run = useRef<Run | null>(null);
  useEffect(() => {
    let batches: Batches | null = null;
    // Not within the effect itself: the second of two mounts in development must not send too.
    const timer = setTimeout(() => {
      batches = batchesOf(job.file, job.format, job.plan, (rows) => {
        for (const row of rows) rejects.add(row);
        mine.count(rows.length);
      });
      void mine.go();
    });
    const mine = new Run({
      plan: job.plan,
      id: idOf(job),
      next: () => batches?.next() ?? Promise.resolve(null),
      post: (body, type, id, signal) => postBatch(job.stream, body, type, id, signal),
      rejected: (row) => rejects.add(row),
      changed: (now) => {
        setState(now);
        if (now.phase === "done") sessionStorage.removeItem(storeKey(job));
      },
      sleep,
    });
    run.current = mine;
    return () => {
      clearTimeout(timer);
      mine.cancel();
      batches?.close();
    };
  }, [job, rejects]);
  return {
    state,
    rejects,
    goOn: () => void run.current?.go(),
    cancel: () => run.current?.cancel(),
  };
}
