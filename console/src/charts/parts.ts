// What every chart is given.
import type { Mark, SeriesSnapshot } from "@/live/types";
import type { Viz } from "./config";
import type { Column, Row } from "./values";

/** Two moments, Unix milliseconds. */
export interface Span {
  from: number;
  to: number;
}

export interface ChartProps {
  columns: Column[];
  rows: Row[];
  series: SeriesSnapshot | null;
  /** Where rows may be lacking, since the page was hidden or the connection lost. */
  marks?: Mark[] | undefined;
  viz: Viz;
  /** Name of the zone in which times are shown; undefined is the reader's own. */
  zone?: string | undefined;
  /** Charts of one key share their cursor. */
  sync?: string | undefined;
  /** Called with the part of the time axis that was dragged over. */
  onZoom?: ((from: number, to: number) => void) | undefined;
  /** Whether more rows may come. */
  live?: boolean | undefined;
  /** Width of the time axis that the page asks for. */
  windowMs?: number | undefined;
  /** The part of history that the page asks for. */
  span?: Span | undefined;
  /** Values of the page's variables, for texts. */
  variables?: Record<string, string | string[]> | undefined;
  onConfig?: ((viz: Viz) => void) | undefined;
}
