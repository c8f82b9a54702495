// A bar between two parts of the page that changes the size of the first; kept in this browser.
import { useState } from "react";
import { cx } from "@/ui/cx";

const STEP_PX = 24;

/** A size in pixels that the reader chose once. */
export function useSize(name: string, usual: number): [number, (size: number) => void] {
  const key = `tailrace.size.${name}`;
  const [size, setSize] = useState(() => Number(localStorage.getItem(key)) || usual);
  return [
    size,
    (now) => {
      localStorage.setItem(key, String(Math.round(now)));
      setSize(now);
    },
  ];
}

interface Props {
  label: string;
  /** The first part is above ("row") or at the left ("column"). */
  along: "row" | "column";
  size: number;
  min: number;
  max: number;
  onSize: (size: number) => void;
}

export function Split({ label, along, size, min, max, onSize }: Props) {
  const put = (now: number) => onSize(Math.min(Math.max(now, min), max));
  const upright = along === "column";
  return (
    <div
      role="separator"
      aria-label={label}
      aria-orientation={upright ? "vertical" : "horizontal"}
      aria-valuenow={Math.round(size)}
      aria-valuemin={min}
      aria-valuemax={max}
      tabIndex={0}
      onKeyDown={(event) => {
        const less = upright ? "ArrowLeft" : "ArrowUp";
        const more = upright ? "ArrowRight" : "ArrowDown";
        if (event.key === less) put(size - STEP_PX);
        else if (event.key === more) put(size + STEP_PX);
        else return;
        event.preventDefault();
      }}
      onPointerDown={(event) => {
        event.preventDefault();
        const bar = event.currentTarget;
        bar.setPointerCapture(event.pointerId);
        const start = (upright ? event.clientX : event.clientY) - size;
        const move = (to: PointerEvent) => put((upright ? to.clientX : to.clientY) - start);
        const up = () => {
          bar.removeEventListener("pointermove", move);
          bar.removeEventListener("pointerup", up);
        };
        bar.addEventListener("pointermove", move);
        bar.addEventListener("pointerup", up);
      }}
      className={cx(
        "relative z-10 shrink-0 touch-none bg-line hover:bg-accent focus-visible:bg-accent",
        upright
          ? "w-px cursor-col-resize before:absolute before:inset-y-0 before:-left-1 before:w-2.5"
          : "h-px cursor-row-resize before:absolute before:inset-x-0 before:-top-1 before:h-2.5",
      )}
    />
  );
}
