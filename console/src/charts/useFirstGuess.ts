// The chart that is guessed once, when there are rows enough or no more are to be waited for.
import { useEffect, useState } from "react";
import type { Viz } from "./config";
import { guess } from "./guess";
import type { Column, Row } from "./values";

const ROWS_ENOUGH = 20;
const WAIT_MS = 2_000;

/** null while it is not `needed` or not known yet. */
export function useFirstGuess(needed: boolean, columns: Column[], rows: Row[], ended: boolean) {
  const [guessed, setGuessed] = useState<Viz | null>(null);
  const [late, setLate] = useState(false);
  const some = rows.length > 0;
  useEffect(() => {
    if (!needed || !some) return;
    const timer = setTimeout(() => setLate(true), WAIT_MS);
    return () => clearTimeout(timer);
  }, [needed, some]);
  const due = needed && !guessed && some && (rows.length >= ROWS_ENOUGH || late || ended);
  useEffect(() => {
    if (due) setGuessed(guess(columns, rows));
  }, [due, columns, rows]);
  return needed ? guessed : null;
}
