// Keys of the query page that work wherever the focus is: tabs, run, cancel, save.
import { useEffect } from "react";
import { query } from "@/text/query";
import { notify } from "@/ui/Toast";
import type { Actions } from "./actions";
import { cancelTab } from "./run";
import { activate, activeTab, closeTab, openTab, tabsNow } from "./tabs";

// The second Escape must come within this time.
const TWICE_MS = 1_500;

export function useQueryKeys(actions: Actions): void {
  useEffect(() => {
    let escaped = 0;
    let escapedIn = "";
    const escapeKey = (event: KeyboardEvent) => {
      const tab = activeTab();
      if (!tab.running) return;
      if (event.timeStamp - escaped < TWICE_MS && escapedIn === tab.id) {
        escaped = 0;
        cancelTab(tab.id);
      } else {
        escaped = event.timeStamp;
        escapedIn = tab.id;
        notify(query.escapeAgain);
      }
    };
    const down = (event: KeyboardEvent) => {
      const inDialog = (event.target as HTMLElement | null)?.closest('[role="dialog"]');
      if (inDialog) return;
      if (event.key === "Escape") return escapeKey(event);
      const done = event.altKey ? tabKey(event) : commandKey(event, actions);
      if (done) event.preventDefault();
    };
    window.addEventListener("keydown", down);
    return () => window.removeEventListener("keydown", down);
  }, [actions]);
}

/** By the key's place, since Alt makes other letters on some keyboards. */
function tabKey(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return false;
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  if (event.code === "KeyT") openTab();
  else if (event.code === "KeyW") closeTab(activeTab().id);
  else if (digit) {
    const tab = tabsNow().tabs[Number(digit) - 1];
    if (tab) activate(tab.id);
  } else return false;
  return true;
}

function commandKey(event: KeyboardEvent, actions: Actions): boolean {
  // The editor has done it already where it has the focus.
  if (!(event.ctrlKey || event.metaKey) || event.defaultPrevented) return false;
  const key = event.key.toLowerCase();
  if (key === "enter") event.shiftKey ? actions.runOnHistory() : actions.run();
  else if (key === "s" && !event.shiftKey) actions.save();
  else if (key === "f" && event.shiftKey) actions.format();
  else return false;
  return true;
}
