// A state as a word in its colour, never as a colour alone.
import type { ReactNode } from "react";
import { cx } from "./cx";

export type Tone = "good" | "warn" | "bad" | "info" | "plain";

const TONES: Record<Tone, string> = {
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  info: "bg-info-soft text-info",
  plain: "bg-page text-muted border border-line",
};

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={cx(
        "inline-flex items-center gap-1 rounded px-1.5 py-px text-xs font-medium whitespace-nowrap",
        TONES[tone],
      )}
    >
      {children}
    </span>
  );
}

const TONE_OF: Record<string, Tone> = {
  running: "good",
  active: "good",
  ready: "good",
  finished: "info",
  stopped: "plain",
  paused: "warn",
  canceled: "plain",
  initializing: "info",
  connecting: "info",
  triggered: "bad",
  failed: "bad",
  error: "bad",
};

/** The badge of a status as the API names it. */
export function Status({ value }: { value: string }) {
  return <Badge tone={TONE_OF[value] ?? "plain"}>{value}</Badge>;
}

/** A small red number of things that have failed. */
export function Counter(props: { label: string; className?: string; children: ReactNode }) {
  return (
    <span
      role="img"
      aria-label={props.label}
      title={props.label}
      className={cx(
        "min-w-4 rounded-full bg-bad px-1 text-center text-[11px] leading-4 font-semibold text-surface tabular-nums",
        props.className,
      )}
    >
      {props.children}
    </span>
  );
}
