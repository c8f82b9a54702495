// What the page and its worker say to each other.
import type {
  Arrangement,
  Counts,
  Format,
  FrozenInfo,
  LiveConnection,
  LiveState,
  Look,
  Page,
  Snapshot,
} from "./types";

/** A query as the worker takes it. */
export interface Opening {
  sql: string;
  name?: string;
  tags?: string[];
  bufferRows: number;
  delivery?: "latest" | "all";
}

export interface Place {
  /** Address of the socket, and of the call that makes an event stream. */
  socket: string;
  queries: string;
  /** A small call that needs the session: is the server there, is the session still good? */
  probe: string;
}

/** Questions with an answer; `frozen` is the number that `freeze` was given by the page. */
export type Question =
  | { what: "rows"; from: number; to: number; full: boolean; frozen: number }
  | { what: "freeze"; version: number; frozen: number }
  | { what: "arrange"; arrangement: Arrangement; frozen: number }
  | { what: "export"; format: Format; from: number; to: number; table: string; frozen: number };

export type ToWorker =
  | { op: "place"; place: Place }
  | { op: "csrf"; token: string }
  | { op: "hidden"; hidden: boolean }
  | { op: "connect" }
  | { op: "open"; id: string; opening: Opening; look: Look }
  | { op: "look"; id: string; look: Look }
  | { op: "cancel" | "restart" | "close"; id: string }
  | { op: "shown"; id: string; version: number }
  | { op: "release"; id: string; frozen: number }
  | { op: "ask"; id: string; call: number; question: Question };

export type Answer = Page | FrozenInfo | Blob;

export type FromWorker =
  | { ev: "state"; id: string; state: LiveState }
  | { ev: "snapshot"; id: string; snapshot: Snapshot; counts: Counts }
  | { ev: "counts"; id: string; counts: Counts }
  | { ev: "answer"; call: number; answer: Answer }
  | { ev: "refused"; call: number; message: string }
  | { ev: "connection"; connection: LiveConnection }
  | { ev: "signed_out" };
