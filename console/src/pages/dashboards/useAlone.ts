// While one part fills the window, keys do not reach what lies below it.
import { useEffect } from "react";

const OTHERS = "#root header, #root nav, #root section[data-panel]";

/** `selector`: the part that fills the window; "" for none. `drawn` changes when others come. */
export function useAlone(selector: string, drawn: unknown): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is drawn anew is looked at anew
  useEffect(() => {
    const alone = selector && document.querySelector(selector);
    if (!alone) return;
    const covered = [...document.querySelectorAll<HTMLElement>(OTHERS)].filter(
      (one) => !one.contains(alone) && !alone.contains(one) && !one.inert,
    );
    for (const one of covered) one.inert = true;
    return () => {
      for (const one of covered) one.inert = false;
    };
  }, [selector, drawn]);
}
