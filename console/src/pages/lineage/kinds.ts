// How kinds of nodes look: an icon, a colour and a shape each, beside the word.
import {
  ArrowDownToLine,
  ArrowUpFromLine,
  BellRing,
  Bookmark,
  Boxes,
  Braces,
  Database,
  Layers,
  LayoutDashboard,
  type LucideIcon,
  SquareTerminal,
  Table2,
  Waypoints,
} from "lucide-react";

export interface Kind {
  icon: LucideIcon;
  /** A variable of theme.css. */
  colour: string;
  /** Classes of the corners. */
  shape: string;
}

const BOX = "rounded-sm";
const ROUND = "rounded-2xl";
const FROM = "rounded-l-sm rounded-r-[1.75rem]";
const INTO = "rounded-l-[1.75rem] rounded-r-sm";
const PAGE = "rounded-tr-[1.25rem] rounded-bl-[1.25rem]";

const KINDS: Record<string, Kind> = {
  source: { icon: ArrowDownToLine, colour: "--series-3", shape: FROM },
  sink: { icon: ArrowUpFromLine, colour: "--series-2", shape: INTO },
  alert: { icon: BellRing, colour: "--series-9", shape: INTO },
  stream: { icon: Database, colour: "--series-1", shape: BOX },
  random_stream: { icon: Database, colour: "--series-1", shape: BOX },
  external_stream: { icon: Waypoints, colour: "--series-5", shape: BOX },
  external_table: { icon: Table2, colour: "--series-5", shape: BOX },
  view: { icon: Layers, colour: "--series-7", shape: ROUND },
  materialized_view: { icon: Layers, colour: "--series-4", shape: ROUND },
  query: { icon: SquareTerminal, colour: "--series-6", shape: PAGE },
  savedquery: { icon: Bookmark, colour: "--series-6", shape: PAGE },
  dashboard: { icon: LayoutDashboard, colour: "--series-10", shape: PAGE },
  udf: { icon: Braces, colour: "--series-8", shape: ROUND },
};

export const kindOf = (type: string): Kind =>
  KINDS[type] ?? { icon: Boxes, colour: "--series-8", shape: BOX };
