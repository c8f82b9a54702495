// What the page and the worker that reads a file tell each other.
import type { Format } from "./format";
import type { Batch, Plan, Rejected } from "./plan";
import type { Row } from "./rows";

export type ToWorker =
  /** The first rows; without a format it is guessed. */
  | { op: "head"; file: Blob; format?: Format }
  | { op: "read"; file: Blob; format: Format; plan: Plan }
  /** One more batch may come: the reader is never further than one ahead. */
  | { op: "next" };

export interface Head {
  format: Format;
  /** Of the header, or column 1, column 2 ... of a CSV; the keys of JSON in their order. */
  names: string[];
  rows: Row[];
  /** Those were all. */
  whole: boolean;
}

export type FromWorker =
  | { ev: "head"; head: Head }
  | { ev: "batch"; batch: Batch; rejected: Rejected[] }
  /** Rejected rows after the last batch. */
  | { ev: "end"; rejected: Rejected[]; read: number }
  | { ev: "error"; message: string };

/** Rows that types are guessed from; the first 50 of them are shown. */
export const HEAD_ROWS = 1_000;
export const SHOWN_ROWS = 50;
