// The page's side of the worker that reads a file.
import type { Format } from "./format";
import type { Batch, Plan, Rejected } from "./plan";
import type { FromWorker, Head, ToWorker } from "./protocol";

function start(): { worker: Worker; tell: (message: ToWorker) => void } {
  const worker = new Worker(new URL("./ingest.worker.ts", import.meta.url), { type: "module" });
  return { worker, tell: (message) => worker.postMessage(message) };
}

/** The first rows of a file. */
export function headOf(file: Blob, format?: Format): Promise<Head> {
  const { worker, tell } = start();
  const answer = new Promise<Head>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.ev === "head") resolve(data.head);
      else if (data.ev === "error") reject(new Error(data.message));
    };
    worker.onerror = (event) => reject(new Error(event.message));
  });
  tell({ op: "head", file, format });
  return answer.finally(() => worker.terminate());
}

export interface Batches {
  next: () => Promise<Batch | null>;
  close: () => void;
}

/** The batches of a file in their order; the worker is one ahead at most. */
export function batchesOf(
  file: Blob,
  format: Format,
  plan: Plan,
  rejected: (rows: Rejected[]) => void,
): Batches {
  const { worker, tell } = start();
  const came: (Batch | null | Error)[] = [];
  let wake: (() => void) | null = null;
  const put = (one: Batch | null | Error) => {
    came.push(one);
    wake?.();
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.ev === "batch" || data.ev === "end") {
      if (data.rejected.length) rejected(data.rejected);
      put(data.ev === "batch" ? data.batch : null);
    } else if (data.ev === "error") put(new Error(data.message));
  };
  worker.onerror = (event) => put(new Error(event.message));
  tell({ op: "read", file, format, plan });
  return {
    next: async () => {
      while (!came.length)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const [one] = came;
      // The end and a failure are told again to whoever asks again.
      if (one instanceof Error) throw one;
      if (one) {
        came.shift();
        tell({ op: "next" });
      }
      return one ?? null;
    },
    close: () => worker.terminate(),
  };
}
