// The SQL that a panel runs: variables filled in, made for the page's time range.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import type { Span } from "@/charts/parts";
import { bounds } from "@/charts/timeRange";
import { useBoardContext } from "./context";
import { bounded, rewound, timeColumn } from "./ranged";
import { fill } from "./variables";

type Analysis = Schemas["SQLAnalyzeResult"];

export interface PanelSql {
  /** "" while it is not known yet, or there is none. */
  sql: string;
  /** As written, variables filled in. */
  plain: string;
  error: Error | null;
  /** The range cannot be applied: the result has no time. */
  noTime: boolean;
  /** Width of the time axis that the page's range asks for, live. */
  windowMs: number | undefined;
  /** The part of history that is shown instead. */
  span: Span | undefined;
}

const NONE = { plain: "", error: null, noTime: false, windowMs: undefined, span: undefined };

export function usePanelSql(text: string): PanelSql {
  const { range, values, choices, runs } = useBoardContext();
  const filled = useMemo(() => {
    try {
      return { plain: text.trim() ? fill(text, values, choices) : "", error: null };
    } catch (error) {
      return { plain: "", error: error as Error };
    }
  }, [text, values, choices]);
  const past = range.kind === "past";
  const windowMs = range.kind === "live" ? range.windowMs : undefined;
  const analysis = useQuery({
    queryKey: ["sqlanalyze", filled.plain],
    queryFn: () => call<Analysis>("sqlanalyze", { body: { sql: filled.plain } }),
    enabled: !!filled.plain && (past || !!windowMs),
    staleTime: 60_000,
  });
  // A relative range is that of the moment at which it is chosen or run again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs asks for a new moment
  const at = useMemo(() => (past ? bounds(range, Date.now()) : undefined), [past, range, runs]);
  const { plain, error } = filled;
  if (error || !plain) return { ...NONE, sql: "", error };
  if (!past && !windowMs) return { ...NONE, sql: plain, plain };
  if (analysis.error) return { ...NONE, sql: "", plain, error: analysis.error };
  if (!analysis.data) return { ...NONE, sql: "", plain };
  if (!analysis.data.is_streaming) return { ...NONE, sql: plain, plain };
  if (windowMs) return { ...NONE, sql: rewound(plain, windowMs), plain, windowMs };
  const columns = analysis.data.result_columns.map((one) => ({
    name: one.column,
    type: one.column_type,
  }));
  const column = timeColumn(columns);
  if (!column || !at) return { ...NONE, sql: plain, plain, noTime: true };
  return { ...NONE, sql: bounded(plain, column, at.from, at.to), plain, span: at };
}
