// What of a dashboard's view stands in its address.

import { LIVE, parseRange, rangeText, type TimeRange } from "@/charts/timeRange";
import type { Zone } from "@/charts/words";

export interface BoardSearch {
  edit?: true;
  /** `live`, `live-5m`, `now-1h..now`, or two moments. */
  range?: string;
  tz?: "utc" | "event";
  kiosk?: true;
  /** Id of the panel that fills the page. */
  full?: string;
  [variable: `var.${string}`]: unknown;
}

const on = (search: Record<string, unknown>, key: string) =>
  key in search &&
  search[key] !== false &&
  search[key] !== undefined &&
  String(search[key]) !== "0";

export function boardSearch(search: Record<string, unknown>): BoardSearch {
  const kept: BoardSearch = {};
  if (on(search, "edit")) kept.edit = true;
  if (on(search, "kiosk")) kept.kiosk = true;
  if (typeof search.range === "string" && parseRange(search.range)) kept.range = search.range;
  if (search.tz === "utc" || search.tz === "event") kept.tz = search.tz;
  if (search.full !== undefined) kept.full = String(search.full);
  for (const [key, value] of Object.entries(search))
    if (/^var\.\w+$/.test(key)) kept[key as `var.${string}`] = value;
  return kept;
}

export function rangeOf(search: Pick<BoardSearch, "range">): TimeRange {
  return (search.range && parseRange(search.range)) || LIVE;
}

export function zoneOf(search: Pick<BoardSearch, "tz">): Zone {
  return search.tz ?? "local";
}

/** The parts of an address for a range; "live" is what it is without one. */
export function rangePart(range: TimeRange): { range: string | undefined } {
  const text = rangeText(range);
  return { range: text === "live" ? undefined : text };
}
