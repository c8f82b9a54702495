// A half-filled wizard, kept in this browser tab until it is done; secrets are left out.
import { useEffect, useState } from "react";

/** Like useState, read from (unless `fresh`) and written to the tab's own store under `key`. */
export function useDraft<T extends object>(
  key: string,
  initial: T,
  clean: (draft: T) => T,
  fresh = false,
): [T, (change: Partial<T>) => void, () => void] {
  const name = `tailrace.draft.${key}`;
  const [draft, setDraft] = useState<T>(() => {
    if (fresh) return initial;
    try {
      return { ...initial, ...(JSON.parse(sessionStorage.getItem(name) ?? "{}") as Partial<T>) };
    } catch {
      return initial;
    }
  });
  useEffect(() => {
    sessionStorage.setItem(name, JSON.stringify(clean(draft)));
  }, [name, draft, clean]);
  const forget = () => {
    sessionStorage.removeItem(name);
    setDraft(initial);
  };
  return [draft, (change) => setDraft((old) => ({ ...old, ...change })), forget];
}
