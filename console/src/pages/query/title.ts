// A dot in the browser's title when something finished or failed while nobody looked.
import { activate, activeTab, change, tabOf } from "./tabs";

const DOT = "● ";
let shown = false;
let watched = false;

/** The query page says when it is on screen. */
export function setShown(now: boolean): void {
  shown = now;
  if (!watched) {
    watched = true;
    document.addEventListener("visibilitychange", () => !document.hidden && clear());
    window.addEventListener("focus", clear);
  }
  if (!now) return;
  clear();
  activate(activeTab().id);
}

function clear(): void {
  if (document.title.startsWith(DOT)) document.title = document.title.slice(DOT.length);
}

/** Something of this tab is over; gives whether somebody looks at it. */
export function ended(id: string, how: "finished" | "failed"): boolean {
  const seen = shown && activeTab().id === id;
  if (seen && !document.hidden) return true;
  if (tabOf(id) && !seen) change(id, { unseen: how });
  if ((document.hidden || !shown) && !document.title.startsWith(DOT))
    document.title = DOT + document.title;
  return seen;
}
