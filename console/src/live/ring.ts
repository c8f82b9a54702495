// The newest rows within two bounds: their number and their size.
import { sizeOf } from "./decode";
import type { Row } from "./protocol";

export const BYTES_MAX = 64 << 20;

/** Rows numbered from 0 in order of arrival; the oldest go when a bound is passed. */
export class Ring {
  private rows: (Row | undefined)[] = [];
  private sizes: number[] = [];
  private head = 0;
  private count = 0;
  /** Sequence number of the next row. */
  next = 0;
  bytes = 0;

  constructor(
    readonly rowsMax: number,
    readonly bytesMax: number = BYTES_MAX,
  ) {}

  get length(): number {
    return this.count;
  }

  /** Sequence number of the oldest row held. */
  get first(): number {
    return this.next - this.count;
  }

  /** Whether the next row makes the oldest go. */
  get full(): boolean {
    return this.count >= this.rowsMax || this.bytes >= this.bytesMax;
  }

  push(row: Row): void {
    const size = sizeOf(row);
    while (this.count && (this.count >= this.rowsMax || this.bytes + size > this.bytesMax)) {
      this.shift();
    }
    const at = (this.head + this.count) % this.rowsMax;
    this.rows[at] = row;
    this.sizes[at] = size;
    this.count += 1;
    this.bytes += size;
    this.next += 1;
  }

  private shift(): void {
    this.bytes -= this.sizes[this.head] ?? 0;
    this.rows[this.head] = undefined;
    this.head = (this.head + 1) % this.rowsMax;
    this.count -= 1;
  }

  /** All rows, the oldest first. */
  list(): Row[] {
    const end = this.head + this.count;
    const whole = this.rows.slice(this.head, Math.min(end, this.rowsMax));
    if (end > this.rowsMax) whole.push(...this.rows.slice(0, end - this.rowsMax));
    return whole as Row[];
  }
}
