// What of a file's rows goes where: the check of each row, and batches of those that pass.
import type { Row } from "./rows";
import { faultOf, isText } from "./types";

export interface Target {
  /** Place in a CSV's row, or a key of JSON. */
  from: number | string;
  /** The stream's column. */
  name: string;
  type: string;
}

export interface Plan {
  /** CSV goes as rows of values, JSON as its own text. */
  csv: boolean;
  targets: Target[];
}

export interface Rejected {
  n: number;
  reason: string;
  /** The stream's column, "" when it is the row itself. */
  column: string;
  cells?: string[];
  text?: string;
}

export interface Line {
  n: number;
  /** As it is sent. */
  body: string;
}

/** Lines as one text: it goes from the worker to the page at once, whatever their number. */
export interface Batch {
  text: string;
  /** Where each line begins in the text. */
  starts: Uint32Array;
  /** The rows' numbers in the file. */
  ns: Uint32Array;
  /** Bytes of the file up to its end. */
  read: number;
}

/** A batch is sent when it has as much; the server takes ten times that. */
export const BATCH_BYTES = 1 << 20;
/** Below the server's limit of rows in one request. */
export const BATCH_ROWS = 50_000;

/** An empty cell is an empty text, or nothing: then the column has its default. */
function cellOf(target: Target, cells: string[]): string | null {
  const cell = cells[target.from as number] ?? "";
  if (isText(target.type)) return cell;
  return cell.trim() === "" ? null : cell.trim();
}

/** The row as it is sent, or why it is not. */
export function convert(row: Row, plan: Plan): Line | Rejected {
  const { n, cells, text } = row;
  const reject = (reason: string, column = ""): Rejected => ({ n, reason, column, cells, text });
  if (row.fault) return reject(row.fault);
  const values: (string | null)[] = [];
  for (const target of plan.targets) {
    const value = plan.csv ? cellOf(target, cells ?? []) : row.event?.[target.from];
    const reason = faultOf(target.type, value);
    if (reason) return reject(reason, target.name);
    if (plan.csv) values.push(value as string | null);
  }
  // Values of one line each: what is sent as lines must have no breaks.
  if (plan.csv) return { n, body: JSON.stringify(values) };
  return { n, body: (text ?? "").replace(/[\r\n]+/g, " ") };
}

export const isRejected = (made: Line | Rejected): made is Rejected => "reason" in made;

const separator = (plan: Plan): string => (plan.csv ? "," : "\n");

/** The request's body for a batch. */
export function bodyOf(batch: Batch, plan: Plan): { body: string; type: string } {
  if (!plan.csv) return { body: `${batch.text}\n`, type: "application/x-ndjson" };
  const columns = JSON.stringify(plan.targets.map((target) => target.name));
  return { body: `{"columns":${columns},"data":[${batch.text}]}`, type: "application/json" };
}

export function batchOf(lines: Line[], read: number, plan: Plan): Batch {
  const starts = new Uint32Array(lines.length);
  let at = 0;
  for (const [n, line] of lines.entries()) {
    starts[n] = at;
    at += line.body.length + 1;
  }
  const text = lines.map((line) => line.body).join(separator(plan));
  return { text, starts, ns: Uint32Array.from(lines, (line) => line.n), read };
}

/** Line `at` of a batch; undefined when it has not so many. */
export function lineOf(batch: Batch, at: number): Line | undefined {
  const [from, n] = [batch.starts[at], batch.ns[at]];
  if (from === undefined || n === undefined) return undefined;
  const next = batch.starts[at + 1];
  return { n, body: batch.text.slice(from, next === undefined ? undefined : next - 1) };
}

export function without(batch: Batch, at: number, plan: Plan): Batch {
  const lines = Array.from(batch.ns, (_, n) => lineOf(batch, n) as Line);
  return batchOf(lines.toSpliced(at, 1), batch.read, plan);
}

/** A line that the server refused: what was sent of it, at its places in the file. */
export function refused({ n, body }: Line, plan: Plan, column: string, reason: string): Rejected {
  if (!plan.csv) return { n, column, reason, text: body };
  const cells: string[] = [];
  for (const [at, value] of (JSON.parse(body) as (string | null)[]).entries())
    cells[plan.targets[at]?.from as number] = value ?? "";
  return { n, column, reason, cells: Array.from(cells, (cell) => cell ?? "") };
}

/** Collects lines; `add` gives those of a batch when there are enough. */
export class Batcher {
  private lines: Line[] = [];
  private size = 0;

  add(line: Line): Line[] | null {
    this.lines.push(line);
    // Twice as much for letters beyond ASCII is near enough: the server's limit is far above.
    this.size += line.body.length + 1;
    return this.size >= BATCH_BYTES || this.lines.length >= BATCH_ROWS ? this.take() : null;
  }

  take(): Line[] {
    const lines = this.lines;
    this.lines = [];
    this.size = 0;
    return lines;
  }
}
