// Cuts a text that comes in pieces into rows; a bad row is told as such, the next ones still come.
import Papa from "papaparse";
import type { Format } from "./format";

export interface Row {
  /** From 1; a CSV's line of names is not counted. */
  n: number;
  /** Of a CSV. */
  cells?: string[];
  /** Of JSON, with its text as it was written: long numbers stay exact. */
  event?: Record<string, unknown>;
  text?: string;
  /** Why it is no row. */
  fault?: string;
}

export interface Cutter {
  /** Names of a CSV's columns as its header has them; null before it is read, or without one. */
  names: string[] | null;
  push(piece: string): Row[];
  end(): Row[];
}

// A row longer than this is a quote or a bracket that is not closed.
export const ROW_CHARS_MAX = 4 << 20;

export class TooLong extends Error {}

export class CsvRows implements Cutter {
  names: string[] | null = null;
  private rest = "";
  private n = 0;
  private width = 0;
  private first = true;

  constructor(private readonly format: Format) {}

  push(piece: string): Row[] {
    const text = this.rest + (this.first ? piece.replace(/^\uFEFF/, "") : piece);
    if (piece) this.first = false;
    return this.parse(text, true);
  }

  end(): Row[] {
    const rows = this.parse(this.rest, false);
    this.rest = "";
    return rows;
  }

  private parse(text: string, more: boolean): Row[] {
    const { delimiter, newline } = this.format;
    const found = new Papa.Parser({ delimiter, newline }).parse(text, 0, more) as {
      data: string[][];
      errors: { row?: number; code: string }[];
      meta: { cursor: number };
    };
    const left = more ? text.slice(found.meta.cursor) : "";
    if (left.length > ROW_CHARS_MAX)
      throw new TooLong(
        `Row ${this.n + 1} is longer than ${ROW_CHARS_MAX >> 20} MiB; a quote in it may not be closed.`,
      );
    this.rest = left;
    const bad = new Set(found.errors.filter((e) => e.code === "MissingQuotes").map((e) => e.row));
    return found.data.flatMap((cells, at) => this.row(cells, bad.has(at)));
  }

  private row(cells: string[], unclosed: boolean): Row[] {
    if (cells.length === 1 && cells[0] === "") return [];
    if (!this.width) this.width = cells.length;
    if (this.format.header && !this.names) {
      this.names = cells;
      return [];
    }
    this.n += 1;
    const row: Row = { n: this.n, cells };
    if (unclosed) row.fault = "A quote is not closed.";
    else if (cells.length !== this.width)
      row.fault = `${cells.length} cells instead of ${this.width}.`;
    return [row];
  }
}

/** The row of a JSON text; of another value than an object it is a fault. */
function jsonRow(n: number, text: string): Row {
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event === "object" && event !== null && !Array.isArray(event))
      return { n, text, event: event as Record<string, unknown> };
    return { n, text, fault: "Not a JSON object." };
  } catch (error) {
    return { n, text, fault: (error as Error).message };
  }
}

export class LineRows implements Cutter {
  names = null;
  private rest = "";
  private n = 0;

  push(piece: string): Row[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    if (this.rest.length > ROW_CHARS_MAX)
      throw new TooLong(`Row ${this.n + 1} is longer than ${ROW_CHARS_MAX >> 20} MiB.`);
    return this.rows(lines);
  }

  end(): Row[] {
    const rows = this.rows([this.rest]);
    this.rest = "";
    return rows;
  }

  private rows(lines: string[]): Row[] {
    return lines
      .map((line) => line.replace(/^\uFEFF/, "").trim())
      .filter(Boolean)
      .map((line) => {
        this.n += 1;
        return jsonRow(this.n, line);
      });
  }
}

/** Values one after another, or those of one array, over any number of lines. */
export class ValueRows implements Cutter {
  names = null;
  private n = 0;
  private rest = "";
  /** Up to where `rest` was looked at. */
  private at = 0;
  private begin = -1;
  private depth = 0;
  private quoted = false;

  push(piece: string): Row[] {
    this.rest += piece;
    const found: Row[] = [];
    for (; this.at < this.rest.length; this.at++) {
      const char = this.rest[this.at] as string;
      if (this.quoted) {
        if (char === "\\") this.at += 1;
        else if (char === '"') this.quoted = false;
      } else if (this.begin < 0) this.start(char);
      else if (char === '"') this.quoted = true;
      else if (char === "{" || char === "[") this.depth += 1;
      else if (char === "}" || char === "]") {
        this.depth -= 1;
        if (this.depth <= 0) found.push(this.take(this.at + (this.depth < 0 ? 0 : 1)));
      } else if (this.depth === 0 && (char === "," || char === "\n"))
        found.push(this.take(this.at));
    }
    const from = this.begin < 0 ? this.rest.length : this.begin;
    this.rest = this.rest.slice(from);
    this.at -= from;
    if (this.begin >= 0) this.begin = 0;
    if (this.rest.length > ROW_CHARS_MAX)
      throw new TooLong(
        `Value ${this.n + 1} is longer than ${ROW_CHARS_MAX >> 20} MiB; a bracket in it may not be closed.`,
      );
    return found;
  }

  end(): Row[] {
    return this.begin < 0 ? [] : [this.take(this.rest.length)];
  }

  private start(char: string): void {
    // The brackets of the one array, and what stands between values.
    if (/[\s,[\]\uFEFF]/.test(char)) return;
    this.begin = this.at;
    this.depth = char === "{" ? 1 : 0;
    this.quoted = char === '"';
  }

  private take(to: number): Row {
    const text = this.rest.slice(this.begin, to).trim();
    this.begin = -1;
    this.depth = 0;
    this.n += 1;
    return jsonRow(this.n, text);
  }
}

export function cutter(format: Format): Cutter {
  if (format.kind === "csv") return new CsvRows(format);
  return format.kind === "jsonl" ? new LineRows() : new ValueRows();
}
