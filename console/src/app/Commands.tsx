// The keys of every page: palette, search in the page, list of keys, `g` and a letter.
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { useKeys } from "./keys";
import { PLACES } from "./nav";
import { onPalette } from "./palette";

const Palette = lazy(() => import("./Palette"));
const KeyList = lazy(() => import("./KeyList"));

function searchInPage(): void {
  document.querySelector<HTMLElement>("#page [data-page-search]")?.focus();
}

export function Commands() {
  const navigate = useNavigate();
  const [open, setOpen] = useState<"palette" | "keys" | null>(null);
  useEffect(() => onPalette(() => setOpen("palette")), []);
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOpen("palette");
      }
    };
    window.addEventListener("keydown", down, true);
    return () => window.removeEventListener("keydown", down, true);
  }, []);
  const keys = useMemo(
    () => ({
      "?": () => setOpen("keys"),
      "/": searchInPage,
      ...Object.fromEntries(
        PLACES.filter((place) => place.key).map((place) => [
          `g ${place.key}`,
          () => void navigate({ to: place.to }),
        ]),
      ),
    }),
    [navigate],
  );
  useKeys(keys);
  return (
    <Suspense fallback={null}>
      {open === "palette" && (
        <Palette onClose={() => setOpen(null)} onKeys={() => setOpen("keys")} />
      )}
      {open === "keys" && <KeyList onClose={() => setOpen(null)} />}
    </Suspense>
  );
}
