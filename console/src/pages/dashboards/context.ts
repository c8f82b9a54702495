// What all panels of a dashboard share: time range, zone, values of variables.
import { createContext, useContext } from "react";
import type { TimeRange } from "@/charts/timeRange";
import type { Zone } from "@/charts/words";
import type { Values } from "./variables";

export interface BoardContext {
  /** Key of the shared cursor. */
  sync: string;
  range: TimeRange;
  zone: Zone;
  values: Values;
  /** What controls offer; those values may stand outside of quotes. */
  choices: Record<string, string[]>;
  /** Grows when all panels are to run again. */
  runs: number;
  onZoom: (from: number, to: number) => void;
}

export const BoardContext = createContext<BoardContext | null>(null);

export function useBoardContext(): BoardContext {
  const found = useContext(BoardContext);
  if (!found) throw new Error("a panel stands outside of a dashboard");
  return found;
}
