// Keeps the end of a list in sight while rows are appended, until the reader scrolls away from it.
import { type UIEvent, useLayoutEffect, useRef } from "react";

// So near to the end the reader means the end.
const NEAR = 24;

export function useFollow(on: boolean, rows: unknown[]) {
  const ref = useRef<HTMLElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    if (on && rows.length && follows.current && ref.current)
      ref.current.scrollTop = ref.current.scrollHeight;
  }, [on, rows]);
  const onScroll = ({ currentTarget: at }: UIEvent<HTMLElement>) => {
    follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR;
  };
  return { ref, onScroll };
}
