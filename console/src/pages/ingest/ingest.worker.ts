// Parses and checks a file beside the page, so that a large one never holds it.
import type { FromWorker, ToWorker } from "./protocol";
import { readAll, readHead } from "./reader";

let wanted: (() => void) | null = null;
let credit = 0;

const tell = (message: FromWorker): void => self.postMessage(message);

function whenWanted(): Promise<void> {
  if (credit > 0) {
    credit -= 1;
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    wanted = resolve;
  });
}

async function work(message: ToWorker): Promise<void> {
  if (message.op === "head") {
    tell({ ev: "head", head: await readHead(message.file, message.format) });
  } else if (message.op === "read") {
    await readAll(message.file, message.format, message.plan, {
      batch: async (batch, rejected) => {
        self.postMessage({ ev: "batch", batch, rejected } satisfies FromWorker, {
          transfer: [batch.starts.buffer, batch.ns.buffer],
        });
        await whenWanted();
      },
      end: (rejected, read) => tell({ ev: "end", rejected, read }),
    });
  } else if (wanted) {
    const resolve = wanted;
    wanted = null;
    resolve();
  } else credit += 1;
}

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  work(event.data).catch((error: Error) => tell({ ev: "error", message: error.message }));
});
