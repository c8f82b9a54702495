// The worker of the page: the socket, its rows and the views of them live here.
import { Hub } from "./hub";
import type { ToWorker } from "./messages";

const hub = new Hub((message) => self.postMessage(message), {
  now: () => Date.now(),
  later: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  open: (url) => new WebSocket(url),
  fetch: (input, init) => fetch(input, init),
});

self.onmessage = (event: MessageEvent<ToWorker>) => hub.take(event.data);
