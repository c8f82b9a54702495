// The side panel: one place for every kind of object, opened from lists, lineage and SQL, and
// named in the page's address as `?panel=kind:name`.
import { useNavigate } from "@tanstack/react-router";
import type { ComponentType } from "react";
import { palette } from "@/text/palette";
import { query } from "@/text/query";

export interface PanelProps {
  /** Name or id of the object, as its page names it. */
  name: string;
}

export interface PanelKind {
  label: string;
  /** Loaded when the first panel of its kind is opened. */
  load: () => Promise<{ default: ComponentType<PanelProps> }>;
  /** Path of the object's own page, where its kind tells it. */
  page?: (name: string) => string;
  /** The name is an id, and the content has a heading of its own. */
  headed?: true;
}

const KINDS = query.object.kinds;

/** What the catalog tells of an object, and the way to its page. */
const ofCatalog = (label: string, page: string): PanelKind => ({
  label,
  load: () => import("@/pages/query/ObjectPanel"),
  page: (name) => `${page}/${encodeURIComponent(name)}`,
});

/** Each page that has a panel adds its kind here; the names are those of the catalog. */
export const PANELS: Record<string, PanelKind> = {
  stream: ofCatalog(KINDS.stream, "/streams"),
  random_stream: ofCatalog(KINDS.random_stream, "/streams"),
  view: ofCatalog(KINDS.view, "/views"),
  materialized_view: ofCatalog(KINDS.materialized_view, "/views"),
  external_stream: ofCatalog(KINDS.external_stream, "/external/streams"),
  external_table: ofCatalog(KINDS.external_table, "/external/tables"),
  // Of any kind, for who knows the name alone.
  object: { ...ofCatalog(query.object.label, ""), page: undefined },
  node: {
    label: palette.panel,
    load: () => import("@/pages/lineage/NodePanel"),
    page: (id) => `/lineage?focus=${encodeURIComponent(id)}`,
    headed: true,
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
