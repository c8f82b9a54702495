// The pages of the rail, in its order; each stands here once, for the rail and the palette.
import type { LucideIcon } from "lucide-react";
import {
  Activity,
  ArrowDownToLine,
  ArrowUpFromLine,
  BellRing,
  Bookmark,
  Braces,
  ChartSpline,
  Database,
  FileCode,
  Globe,
  House,
  Layers,
  LayoutDashboard,
  Network,
  Settings,
  SquareTerminal,
} from "lucide-react";
import { nav } from "@/text/nav";

export interface Place {
  to: string;
  label: string;
  icon: LucideIcon;
  /** Begins a new group in the rail. */
  apart?: boolean;
  /** The right that the page needs to show anything. */
  needs?: string;
  /** Second key after `g`. */
  key?: string;
}

export const PLACES: Place[] = [
  { to: "/", label: nav.home, icon: House, key: "h" },
  { to: "/query", label: nav.query, icon: SquareTerminal, needs: "read:query", key: "q" },
  { to: "/explore", label: nav.explore, icon: ChartSpline, needs: "read:stream", key: "e" },
  {
    to: "/dashboards",
    label: nav.dashboards,
    icon: LayoutDashboard,
    needs: "read:dashboard",
    key: "d",
  },
  { to: "/alerts", label: nav.alerts, icon: BellRing, needs: "read:alert", key: "a" },
  { to: "/sources", label: nav.sources, icon: ArrowDownToLine, needs: "read:source", apart: true },
  { to: "/streams", label: nav.streams, icon: Database, needs: "read:stream", key: "s" },
  { to: "/views", label: nav.views, icon: Layers, needs: "read:view" },
  { to: "/sinks", label: nav.sinks, icon: ArrowUpFromLine, needs: "read:sink" },
  { to: "/external", label: nav.external, icon: Globe, needs: "read:external" },
  { to: "/lineage", label: nav.lineage, icon: Network, needs: "read:stream", key: "l" },
  {
    to: "/timeseries",
    label: nav.timeseries,
    icon: Activity,
    needs: "read:stream",
    key: "t",
    apart: true,
  },
  { to: "/functions", label: nav.functions, icon: Braces, needs: "read:udf", apart: true },
  { to: "/schemas", label: nav.schemas, icon: FileCode, needs: "read:schema" },
  { to: "/saved", label: nav.saved, icon: Bookmark, needs: "read:savedquery" },
  { to: "/admin", label: nav.admin, icon: Settings, apart: true },
];
