// Rows held at one moment: windows of them, arranged, and as text.
import { arranged } from "./arrange";
import { shortRow } from "./decode";
import { exported } from "./export";
import type { Row } from "./protocol";
import type { Arrangement, Format, FrozenInfo, Header, Mark, Page } from "./types";

export class FrozenRows {
  private order: number[] | null = null;

  constructor(
    private readonly rows: Row[],
    private readonly header: Header[],
    private readonly seq: number,
    private readonly marks: Mark[],
  ) {}

  info(): FrozenInfo {
    const { rows, order, seq, marks } = this;
    const all = rows.length;
    return order
      ? { total: order.length, all, marks: [], seq: -1 }
      : { total: all, all, marks, seq };
  }

  arrange(wanted: Arrangement): FrozenInfo {
    this.order = arranged(this.rows, wanted);
    return this.info();
  }

  private part(from: number, to: number): Row[] {
    const { rows, order } = this;
    if (!order) return rows.slice(from, to);
    return order.slice(from, to).map((index) => rows[index]!);
  }

  page(from: number, to: number, full: boolean): Page {
    const { total, seq } = this.info();
    return pageOf(this.part(from, to), from, total, seq, full);
  }

  text(format: Format, from: number, to: number, table: string): Blob {
    return exported(this.part(from, to), this.header, format, table);
  }
}

/** A part of rows as it goes to the page. */
export function pageOf(part: Row[], from: number, total: number, seq: number, full: boolean): Page {
  const rows = full ? part : part.map(shortRow);
  return { from, total, seq: seq < 0 ? -1 : seq + from, rows };
}
