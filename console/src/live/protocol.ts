// Messages of the socket: what the page's worker sends and gets (docs/socket.md).
import type { Schemas } from "@/api/types";

export type Mode = "latest" | "all";

export interface Subscribe {
  op: "sub";
  id: string;
  sql: string;
  max_hz?: number;
  max_rows?: number;
  mode?: Mode;
  /** Event time in milliseconds to go on from, where the query allows it. */
  since?: number;
  name?: string;
  tags?: string[];
}

export type ClientMessage =
  | Subscribe
  | { op: "unsub"; id: string }
  | { op: "rate"; id: string; max_hz: number }
  | { op: "ack"; id: string; n: number }
  | { op: "ping" };

export interface Refusal {
  code: number;
  message: string;
  line?: number;
  column?: number;
  hint?: string;
}

/** Once a second; times in milliseconds. */
export interface Metrics {
  count: number;
  eps: number;
  processing_time: number;
  last_event_time: number;
  response_time: number;
  scanned_rows: number;
  scanned_bytes: number;
}

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Row = Value[];
export type LiveQuery = Schemas["Query"];

export type ServerMessage =
  | { ev: "query"; id: string; query: LiveQuery; restarted?: boolean }
  | { ev: "data"; id: string; n: number; rows: Row[] }
  | { ev: "metrics"; id: string; metrics: Metrics }
  | { ev: "dropped"; id: string; rows: number; total: number }
  | { ev: "error"; id?: string; error: Refusal }
  | { ev: "end"; id: string; query: LiveQuery }
  | { ev: "pong" };
