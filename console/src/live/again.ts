// Rows that come a second time where a query goes on after a lost connection.
import { cellTime } from "./decode";
import type { Row } from "./protocol";

/** How long after the reconnection rows may come that were there before. */
const AGAIN_MS = 10_000;

/** Leaves out rows up to `since` that are among those `before`, each as often as it is there. */
export class Again {
  private rows = new Map<string, number>();
  readonly until: number;

  constructor(
    before: Row[],
    private readonly column: number,
    private readonly since: number,
    now: number,
  ) {
    this.until = now + AGAIN_MS;
    for (const row of before) {
      const key = JSON.stringify(row);
      this.rows.set(key, (this.rows.get(key) ?? 0) + 1);
    }
  }

  without(rows: Row[]): Row[] {
    return rows.filter((row) => {
      if (!(cellTime(row[this.column]) <= this.since)) return true;
      const key = JSON.stringify(row);
      const left = this.rows.get(key) ?? 0;
      if (!left) return true;
      this.rows.set(key, left - 1);
      return false;
    });
  }
}
