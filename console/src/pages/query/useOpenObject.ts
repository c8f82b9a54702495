// Opens the side panel of an object of the catalog: that of its kind, or the one of this page.
import { PANELS, useOpenPanel } from "@/app/panels";

export function useOpenObject(): (kind: string, name: string) => void {
  const open = useOpenPanel();
  return (kind, name) => open(PANELS[kind] ? kind : "object", name);
}
