// Keys of a single letter and pairs such as `g` `q`: off while somebody types, and as a whole if
// the reader turned them off.
import { useEffect, useRef } from "react";

const KEY = "tailrace.letters.off";
// The second key of a pair must come within this time.
const PAIR_MS = 1_200;

export function lettersAreOn(): boolean {
  return localStorage.getItem(KEY) !== "1";
}

export function setLetters(on: boolean): void {
  localStorage.setItem(KEY, on ? "0" : "1");
}

/** Whether the event's letters are somebody's text, or keys of an open dialog or menu. */
export function typing(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement | null;
  return !!at?.closest(
    'input:not([type="checkbox"]), textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"]',
  );
}

/** `keys`: "?", "/", "g q", "t ArrowLeft" -> what is done. */
export function useKeys(keys: Record<string, () => void>): void {
  const now = useRef(keys);
  now.current = keys;
  // Listens once: a page that is drawn anew between the two keys of a pair must not lose the first.
  useEffect(() => {
    let first = "";
    let since = 0;
    const down = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || !lettersAreOn())
        return;
      const pair = event.timeStamp - since < PAIR_MS ? `${first} ${event.key}` : "";
      const done = (pair && now.current[pair]) || now.current[event.key];
      first = done ? "" : event.key;
      since = event.timeStamp;
      if (!done) return;
      event.preventDefault();
      done();
    };
    window.addEventListener("keydown", down);
    return () => window.removeEventListener("keydown", down);
  }, []);
}
