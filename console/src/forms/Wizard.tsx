// The frame of a wizard: its steps, back and next; what was typed stays when one goes back.
import { ChevronLeft, ChevronRight } from "lucide-react";
import { type ReactNode, useState } from "react";
import { connectors } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { cx } from "@/ui/cx";

const text = connectors.wizard;

export interface Step {
  id: string;
  title: string;
  content: ReactNode;
  /** Whether one can go on from here. */
  ready: boolean;
  /** Said when one wants to go on and it is not ready. */
  missing?: string;
}

interface Props {
  steps: Step[];
  at: string;
  onGo: (id: string) => void;
  /** The button of the last step. */
  finish: ReactNode;
  cancel: () => void;
  /** Called when one cannot go on yet, so that the step shows why. */
  onBlocked?: () => void;
}

export function Wizard({ steps, at, onGo, finish, cancel, onBlocked }: Props) {
  const [blocked, setBlocked] = useState("");
  const n = Math.max(
    0,
    steps.findIndex((step) => step.id === at),
  );
  const step = steps[n];
  if (!step) return null;
  const next = steps[n + 1];
  const reachable = (m: number) => steps.slice(0, m).every((one) => one.ready);
  return (
    <div className="grid gap-4 md:grid-cols-[12rem_minmax(0,1fr)]">
      <ol className="flex flex-wrap gap-1 md:flex-col">
        {steps.map((one, m) => (
          <li key={one.id}>
            <button
              type="button"
              disabled={!reachable(m)}
              aria-current={m === n ? "step" : undefined}
              onClick={() => onGo(one.id)}
              className={cx(
                "min-h-8 w-full rounded-md px-3 text-left disabled:cursor-not-allowed disabled:text-muted disabled:opacity-70",
                m === n ? "bg-accent-soft font-medium" : "hover:bg-accent-soft/60",
              )}
            >
              {m + 1}. {one.title}
            </button>
          </li>
        ))}
      </ol>
      <section
        aria-label={`${text.step(n + 1, steps.length)}: ${step.title}`}
        className="flex min-w-0 flex-col gap-4 rounded-lg border border-line bg-surface p-4"
      >
        <h2 className="text-sm font-semibold">{step.title}</h2>
        {step.content}
        {blocked === step.id && !step.ready && (
          <p role="alert" className="text-xs text-bad">
            {step.missing ?? text.missing}
          </p>
        )}
        <div className="flex flex-wrap gap-2 border-t border-line pt-3">
          <Button onClick={cancel}>{text.cancel}</Button>
          <div className="ml-auto flex gap-2">
            {n > 0 && (
              <Button icon={ChevronLeft} onClick={() => onGo(steps[n - 1]?.id ?? "")}>
                {text.back}
              </Button>
            )}
            {next ? (
              <Button
                look="primary"
                icon={ChevronRight}
                onClick={() => {
                  setBlocked(step.ready ? "" : step.id);
                  if (step.ready) onGo(next.id);
                  else onBlocked?.();
                }}
              >
                {text.next}
              </Button>
            ) : (
              finish
            )}
          </div>
        </div>
      </section>
    </div>
  );
}
