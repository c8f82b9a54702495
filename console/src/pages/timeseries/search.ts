// The state of the time-series page, which lies in its address.
import { useNavigate, useSearch } from "@tanstack/react-router";

const TEXTS = ["from", "to", "mode", "view", "known", "labels", "list", "device"] as const;

export type TimeSearch = { [key in (typeof TEXTS)[number]]?: string } & {
  tab?: string;
  /** Of a channel, or the number of a series. */
  id?: string | number;
  offset?: number;
};

export function readSearch(search: Record<string, unknown>): TimeSearch {
  const found: TimeSearch = {};
  for (const key of ["tab", ...TEXTS] as const)
    if (search[key] !== undefined) found[key] = String(search[key]);
  // A number stays one: as a text it would stand in quotes in the address.
  if (search.id !== undefined)
    found.id = typeof search.id === "number" ? search.id : String(search.id);
  const offset = Number(search.offset);
  if (Number.isInteger(offset) && offset > 0) found.offset = offset;
  return found;
}

type Change = (change: TimeSearch, fresh?: boolean) => void;

/** The state and how it is changed; `fresh` leaves out all that is not named, but the tab. */
export function useTimeSearch(): [TimeSearch, Change] {
  const search = useSearch({ strict: false }) as TimeSearch;
  const navigate = useNavigate();
  const change: Change = (next, fresh = false) =>
    void navigate({
      to: ".",
      search: ((old: Record<string, unknown>) => ({
        ...(fresh ? { ws: old.ws, tab: old.tab } : old),
        ...next,
      })) as never,
      replace: !fresh,
    });
  return [search, change];
}
