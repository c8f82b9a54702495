// Reads a file in pieces: its first rows, or all of it as batches.
import { type Format, guessFormat } from "./format";
import {
  type Batch,
  Batcher,
  batchOf,
  convert,
  isRejected,
  type Line,
  type Plan,
  type Rejected,
} from "./plan";
import { HEAD_ROWS, type Head } from "./protocol";
import { cutter, type Row } from "./rows";

// What a format is guessed from.
const GUESS_BYTES = 64 << 10;
// Far more than the first rows of a usual file need.
const HEAD_BYTES = 8 << 20;

interface Piece {
  text: string;
  /** Bytes of the file up to its end. */
  read: number;
}

/** The text of a file; letters are never cut in two. */
async function* pieces(file: Blob): AsyncGenerator<Piece> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const reader = file.stream().getReader();
  let read = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      read += value.byteLength;
      yield { text: decoder.decode(value, { stream: true }), read };
    }
    yield { text: decoder.decode(), read };
  } finally {
    await reader.cancel();
  }
}

function namesOf(format: Format, header: string[] | null, rows: Row[]): string[] {
  if (format.kind !== "csv")
    return [...new Set(rows.flatMap((row) => Object.keys(row.event ?? {})))];
  if (header) return header.map((name) => name.trim());
  return (rows[0]?.cells ?? []).map((_, n) => `column_${n + 1}`);
}

export async function readHead(file: Blob, given?: Format): Promise<Head> {
  const format = given ?? guessFormat(await file.slice(0, GUESS_BYTES).text());
  const cut = cutter(format);
  const rows: Row[] = [];
  let read = 0;
  for await (const piece of pieces(file.slice(0, HEAD_BYTES))) {
    rows.push(...cut.push(piece.text));
    read = piece.read;
    if (rows.length >= HEAD_ROWS) break;
  }
  const whole = read >= file.size;
  if (whole) rows.push(...cut.end());
  const names = namesOf(format, cut.names, rows);
  return {
    format,
    names,
    rows: rows.slice(0, HEAD_ROWS),
    whole: whole && rows.length <= HEAD_ROWS,
  };
}

export interface Sinks {
  /** Resolves when the next batch is wanted. */
  batch: (batch: Batch, rejected: Rejected[]) => Promise<void>;
  end: (rejected: Rejected[], read: number) => void;
}

export async function readAll(file: Blob, format: Format, plan: Plan, to: Sinks): Promise<void> {
  const cut = cutter(format);
  const batcher = new Batcher();
  let rejected: Rejected[] = [];
  const give = async (lines: Line[], read: number) => {
    const now = rejected;
    rejected = [];
    await to.batch(batchOf(lines, read, plan), now);
  };
  const take = async (rows: Row[], read: number) => {
    for (const row of rows) {
      const made = convert(row, plan);
      if (isRejected(made)) rejected.push(made);
      else {
        const full = batcher.add(made);
        if (full) await give(full, read);
      }
    }
  };
  for await (const { text, read } of pieces(file)) await take(cut.push(text), read);
  await take(cut.end(), file.size);
  const last = batcher.take();
  if (last.length) await give(last, file.size);
  to.end(rejected, file.size);
}
