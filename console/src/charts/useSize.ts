// Size of an element and whether it can be seen, as they change.
import { useCallback, useState } from "react";

export interface Size {
  width: number;
  height: number;
}

/** A ref to put on the element, and its inner size; 0 before it is measured. */
export function useSize(): [(element: HTMLElement | null) => undefined | (() => void), Size] {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const ref = useCallback((element: HTMLElement | null) => {
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      setSize((old) =>
        Math.abs(old.width - width) < 1 && Math.abs(old.height - height) < 1
          ? old
          : { width: Math.floor(width), height: Math.floor(height) },
      );
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

/** Whether the element is on screen (or nearly); what is not need not be drawn. */
export function useOnScreen(): [
  (element: HTMLElement | null) => undefined | (() => void),
  boolean,
] {
  const [seen, setSeen] = useState(false);
  const ref = useCallback((element: HTMLElement | null) => {
    if (!element) return;
    const observer = new IntersectionObserver(
      (entries) => setSeen(entries.at(-1)?.isIntersecting ?? false),
      { rootMargin: "100px" },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, seen];
}
