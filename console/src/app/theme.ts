// The reader's choice of theme and density, kept in this browser and put on the page's root.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";
export type Density = "dense" | "comfortable";

interface Look {
  theme: Theme;
  density: Density;
}

const KEY = "tailrace.look";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const readers = new Set<() => void>();
let look: Look = stored();

function stored(): Look {
  try {
    return { theme: "system", density: "dense", ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { theme: "system", density: "dense" };
  }
}

function shown(): "light" | "dark" {
  return look.theme === "system" ? (dark.matches ? "dark" : "light") : look.theme;
}

function put(): void {
  document.documentElement.dataset.theme = shown();
  document.documentElement.dataset.density = look.density;
  for (const reader of readers) reader();
}

/** To be called once before the first render. */
export function startTheme(): void {
  put();
  dark.addEventListener("change", put);
}

export function setLook(change: Partial<Look>): void {
  look = { ...look, ...change };
  localStorage.setItem(KEY, JSON.stringify(look));
  put();
}

function subscribe(reader: () => void): () => void {
  readers.add(reader);
  return () => readers.delete(reader);
}

export function useLook(): Look {
  return useSyncExternalStore(subscribe, () => look);
}

/** The theme that is on screen; charts draw again when it changes. */
export function useShownTheme(): "light" | "dark" {
  return useSyncExternalStore(subscribe, shown);
}

/** The value of a variable of theme.css, such as `--series-1`. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
