// Which streams suit the events of a source or file: those that take all of them first.
import type { NamedColumn } from "./ColumnList";

export interface Ranked {
  name: string;
  /** How many keys of the events are columns of it, by name. */
  shared: number;
  /** The server found that it takes all of them, with their types. */
  fits: boolean;
}

interface Candidate {
  name: string;
  is_external?: boolean;
  columns: NamedColumn[];
}

/** Streams that rows can be written into: those of their own. */
export const writable = (stream: Candidate): boolean =>
  !stream.is_external && !stream.name.startsWith("_") && stream.columns.length > 0;

/** `fitting`: as `source/match` ranks them. Without keys all are alike and stand by name. */
export function rankStreams(streams: Candidate[], fitting: string[], keys: string[]): Ranked[] {
  const place = (one: Ranked) => (one.fits ? fitting.indexOf(one.name) : fitting.length);
  return streams
    .filter(writable)
    .map(({ name, columns }) => {
      const names = new Set(["_tp_time", ...columns.map((column) => column.name)]);
      const shared = keys.filter((key) => names.has(key)).length;
      return { name, shared, fits: fitting.includes(name) };
    })
    .sort((a, b) => place(a) - place(b) || b.shared - a.shared || a.name.localeCompare(b.name));
}
