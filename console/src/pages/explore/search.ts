// What of the Explore page stands in its address.

import { isObject } from "@/charts/config";
import { rolesOf } from "@/charts/guess";
import type { Column } from "@/charts/values";
import { type BoardSearch, boardSearch } from "@/pages/dashboards/search";
import { AGGREGATIONS, CHARTS, type Exploration, type Filter, OPERATORS } from "./sql";

export interface ExploreSearch extends Pick<BoardSearch, "range" | "tz"> {
  agg?: Exploration["aggregation"];
  y?: string;
  /** "" is said on purpose: no groups. */
  by?: string;
  win?: string;
  chart?: Exploration["chart"];
  where?: Filter[];
}

const oneOf = <T extends string>(all: readonly T[], value: unknown): T | undefined =>
  all.find((one) => one === value);

const WINDOW = /^\d+(ms|s|m|h|d)$/;
const FILTERS_MAX = 20;

function filtersOf(value: unknown): Filter[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.filter(isObject).flatMap((one) => {
    const operator = oneOf(OPERATORS, one.operator);
    return operator && typeof one.column === "string"
      ? [{ column: one.column, operator, value: String(one.value ?? "") }]
      : [];
  });
  return found.length ? found.slice(0, FILTERS_MAX) : undefined;
}

export function exploreSearch(search: Record<string, unknown>): ExploreSearch {
  const { range, tz } = boardSearch(search);
  const kept: ExploreSearch = {
    ...(range && { range }),
    ...(tz && { tz }),
    agg: oneOf(AGGREGATIONS, search.agg),
    y: search.y === undefined ? undefined : String(search.y),
    by: search.by === undefined ? undefined : String(search.by),
    win: typeof search.win === "string" && WINDOW.test(search.win) ? search.win : undefined,
    chart: oneOf(CHARTS, search.chart),
    where: filtersOf(search.where),
  };
  for (const key of Object.keys(kept) as (keyof ExploreSearch)[])
    if (kept[key] === undefined) delete kept[key];
  return kept;
}

// Texts that name a place or a thing of a kind; a guess by name, for there are no rows yet.
const GROUP =
  /(region|country|city|location|site|zone|service|type|kind|status|level|method|host|device|sensor|channel|category|name|symbol|user)/i;

/** What is drawn of a stream: what the address says, the rest guessed from the columns. */
export function explorationOf(
  stream: string,
  columns: Column[],
  search: ExploreSearch,
): Exploration {
  const roles = rolesOf(columns, []);
  const has = (name: string | undefined) =>
    !!name && columns.some((column) => column.name === name);
  const measure = has(search.y) ? search.y! : (roles.measures[0] ?? "");
  const groups = columns
    .filter((column) => /string|enum|bool/.test(column.type))
    .map((c) => c.name);
  const order = ["location", "region", "service", "country", "type", "level", "status"];
  const guessed =
    order.find((name) => groups.includes(name)) ?? groups.find((name) => GROUP.test(name)) ?? "";
  return {
    stream,
    measure,
    aggregation: search.agg ?? (measure ? "avg" : "count"),
    by: search.by === undefined ? guessed : has(search.by) ? search.by : "",
    window: search.win ?? "1s",
    filters: search.where ?? [],
    chart: search.chart ?? "line",
  };
}
