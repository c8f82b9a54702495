// Points of a chart from rows as they come: lowest and highest value of each pixel column and line.
import { cellNumber, cellText, cellTime, columnIndex } from "./decode";
import type { Row } from "./protocol";
import type { Header, Line, SeriesSnapshot, SeriesView } from "./types";

export const LINES_MAX = 20;
const WIDTH_MAX = 4_000;

/** Lowest and highest value of a line in a bucket, and when they were. */
interface Extremes {
  low: number;
  lowAt: number;
  high: number;
  highAt: number;
}

type Bucket = (Extremes | undefined)[];

/** A line's place in the buckets: column of y times group. */
interface Place {
  y: string;
  group: string | null;
  other: boolean;
}

/**
 * Buckets of equal time. With a range they are one pixel column wide and old ones go; without one
 * they begin fine and are merged in pairs whenever there are more than columns.
 */
export class Buckets {
  private buckets = new Map<number, Bucket>();
  private places: Place[] = [];
  private groups = new Map<string, number>();
  private folded = new Set<string>();
  private other = -1;
  private newest = Number.NEGATIVE_INFINITY;
  private step: number;
  private readonly width: number;
  private readonly x: number;
  private readonly ys: number[];
  private readonly by: number;

  constructor(
    readonly view: SeriesView,
    private readonly header: Header[],
  ) {
    this.width = Math.max(1, Math.min(view.width, WIDTH_MAX));
    this.step = view.rangeMs ? Math.max(1, view.rangeMs / this.width) : 1;
    this.x = columnIndex(header, view.x);
    this.by = columnIndex(header, view.by);
    this.ys = view.y
      .map((name) => columnIndex(header, name))
      .filter((column) => column >= 0)
      .slice(0, LINES_MAX);
    if (this.by < 0) this.addPlaces(null, false);
  }

  private addPlaces(group: string | null, other: boolean): number {
    const first = this.places.length;
    for (const column of this.ys) {
      this.places.push({ y: this.header[column]?.name ?? "", group, other });
    }
    return first;
  }

  /** The first place of a row's group. */
  private placeOf(row: Row): number {
    if (this.by < 0) return 0;
    const group = cellText(row[this.by]);
    const known = this.groups.get(group);
    if (known !== undefined) return known;
    const room = Math.floor(LINES_MAX / Math.max(1, this.ys.length));
    if (this.groups.size < room) {
      const place = this.addPlaces(group, false);
      this.groups.set(group, place);
      return place;
    }
    if (this.other < 0) this.other = this.addPlaces(null, true);
    // Bounded: an endless number of groups is told as "at least so many".
    if (this.folded.size < 10_000) this.folded.add(group);
    return this.other;
  }

  push(row: Row): void {
    if (this.x < 0 || !this.ys.length) return;
    const at = cellTime(row[this.x]);
    if (Number.isNaN(at)) return;
    const range = this.view.rangeMs;
    if (range && at <= this.newest - range) return;
    this.newest = Math.max(this.newest, at);
    const place = this.placeOf(row);
    const key = Math.floor(at / this.step);
    let bucket = this.buckets.get(key);
    if (!bucket) {
      bucket = [];
      this.buckets.set(key, bucket);
      if (range) this.forget(this.newest - range);
      else while (this.buckets.size > this.width) this.coarsen();
      bucket = this.buckets.get(Math.floor(at / this.step)) ?? bucket;
    }
    for (let i = 0; i < this.ys.length; i += 1) {
      const value = cellNumber(row[this.ys[i]!]);
      if (Number.isFinite(value)) {
        widen(bucket, place + i, { low: value, lowAt: at, high: value, highAt: at });
      }
    }
  }

  private forget(before: number): void {
    const oldest = Math.floor(before / this.step);
    // Keys come about in the order of time, late ones excepted: these stay a little longer.
    for (const key of this.buckets.keys()) {
      if (key > oldest) break;
      this.buckets.delete(key);
    }
  }

  private coarsen(): void {
    this.step *= 2;
    const merged = new Map<number, Bucket>();
    for (const [key, bucket] of this.buckets) {
      const into = Math.floor(key / 2);
      const there = merged.get(into);
      if (!there) merged.set(into, bucket);
      else
        bucket.forEach((extremes, place) => {
          if (extremes) widen(there, place, extremes);
        });
    }
    this.buckets = merged;
  }

  snapshot(): SeriesSnapshot {
    const oldest = this.view.rangeMs ? this.newest - this.view.rangeMs : Number.NEGATIVE_INFINITY;
    const keys = [...this.buckets.keys()]
      .filter((key) => (key + 1) * this.step > oldest)
      .sort((a, b) => a - b);
    const times: number[] = [];
    const wide: boolean[] = [];
    for (const key of keys) {
      const single = onlyTime(this.buckets.get(key)!);
      wide.push(single === null);
      if (single !== null) times.push(single);
      else times.push(key * this.step, (key + 0.5) * this.step);
    }
    const lines = this.places.map((place, index) =>
      this.line(place, index, keys, wide, times.length),
    );
    return { x: Float64Array.from(times), lines, folded: this.folded.size };
  }

  private line(place: Place, index: number, keys: number[], wide: boolean[], size: number): Line {
    const values = new Float64Array(size).fill(Number.NaN);
    let at = 0;
    keys.forEach((key, i) => {
      const extremes = this.buckets.get(key)?.[index];
      if (extremes) {
        const lowFirst = extremes.lowAt <= extremes.highAt;
        values[at] = lowFirst ? extremes.low : extremes.high;
        if (wide[i]) values[at + 1] = lowFirst ? extremes.high : extremes.low;
      }
      at += wide[i] ? 2 : 1;
    });
    return { ...place, values };
  }
}

/** The time of a bucket in which everything happened at one moment with one value; else null. */
function onlyTime(bucket: Bucket): number | null {
  let time: number | null = null;
  for (const extremes of bucket) {
    if (!extremes) continue;
    if (extremes.low !== extremes.high) return null;
    if (time !== null && (extremes.lowAt !== time || extremes.highAt !== time)) return null;
    if (extremes.lowAt !== extremes.highAt) return null;
    time = extremes.lowAt;
  }
  return time;
}

function widen(bucket: Bucket, place: number, by: Extremes): void {
  const there = bucket[place];
  if (!there) {
    bucket[place] = { ...by };
    return;
  }
  if (by.low < there.low) {
    there.low = by.low;
    there.lowAt = by.lowAt;
  }
  if (by.high > there.high) {
    there.high = by.high;
    there.highAt = by.highAt;
  }
}
