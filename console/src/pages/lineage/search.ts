// What of the graph is shown: the state of the lineage page, which lies in its address.
export interface LineageSearch {
  q?: string;
  kinds?: string;
  state?: string;
  tag?: string;
  db?: string;
  focus?: string;
  depth?: number;
  table?: boolean;
}

export const DEPTH_MAX = 3;
const TEXTS = ["q", "kinds", "state", "tag", "db", "focus"] as const;

export const NO_FILTER: LineageSearch = {
  q: undefined,
  kinds: undefined,
  state: undefined,
  tag: undefined,
  db: undefined,
};

export function lineageSearch(search: Record<string, unknown>): LineageSearch {
  const found: LineageSearch = {};
  for (const key of TEXTS) if (search[key] !== undefined) found[key] = String(search[key]);
  if (typeof search.depth === "number")
    found.depth = Math.min(DEPTH_MAX, Math.max(1, Math.round(search.depth)));
  if (search.table === true) found.table = true;
  return found;
}
