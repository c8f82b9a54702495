// The side panel: one place for every kind of object, opened from lists, lineage and SQL, and
// named in the page's address as `?panel=kind:name`.
import { useNavigate } from "@tanstack/react-router";
import type { ComponentType } from "react";
import { query } from "@/text/query";

export interface PanelProps {
  /** Name or id of the object, as its page names it. */
  name: string;
}

export interface PanelKind {
  label: string;
  /** Loaded when the first panel of its kind is opened. */
  load: () => Promise<{ default: ComponentType<PanelProps> }>;
  /** Path of the object's own page. */
  page: (name: string) => string;
}

/** Each page that has a panel adds its kind here. */
export const PANELS: Record<string, PanelKind> = {
  // What the catalog tells, for kinds of objects that have no panel of their own.
  object: {
    label: query.object.label,
    load: () => import("@/pages/query/ObjectPanel"),
    page: () => "/query",
  },
};

/** A function that opens the panel of an object, or closes it with none. */
export function useOpenPanel(): (kind?: string, name?: string) => void {
  const navigate = useNavigate();
  return (kind, name) =>
    void navigate({
      to: ".",
      search: (old: Record<string, unknown>) => ({
        ...old,
        panel: kind && name ? `${kind}:${name}` : undefined,
      }),
    });
}
