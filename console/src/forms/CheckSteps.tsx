// A button that tries a connection, and what came of each step.
import { CircleCheck, CircleX, PlugZap } from "lucide-react";
import { useState } from "react";
import { forms } from "@/text/forms";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import type { CheckResult } from "./connectors";

interface Props {
  run: () => Promise<CheckResult>;
  label?: string;
  /** Said when all steps went well. */
  good?: string;
  disabled?: boolean;
}

export function CheckSteps({ run, label = forms.check, good = forms.checkGood, disabled }: Props) {
  const [result, setResult] = useState<CheckResult | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    setError(null);
    setResult(null);
    try {
      setResult(await run());
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const failed = result?.steps.find((step) => !step.ok);
  return (
    <div>
      <Button icon={PlugZap} busy={busy} disabled={disabled} onClick={go}>
        {busy ? forms.checking : label}
      </Button>
      <div aria-live="polite">
        {result && (
          <p className={failed ? "mt-2 font-medium text-bad" : "mt-2 font-medium text-good"}>
            {failed ? forms.checkBad(failed.name) : good}
          </p>
        )}
        {result && (
          <ol className="mt-1 flex flex-col gap-1">
            {result.steps.map((step) => {
              const Icon = step.ok ? CircleCheck : CircleX;
              return (
                <li key={step.name} className="flex items-start gap-2">
                  <Icon
                    aria-hidden
                    size={14}
                    className={step.ok ? "mt-0.5 shrink-0 text-good" : "mt-0.5 shrink-0 text-bad"}
                  />
                  <span className="min-w-0 flex-1 break-words">
                    <strong className="font-medium">{step.name}</strong> {step.message}
                  </span>
                  <span className="text-xs text-muted tabular-nums">
                    {forms.millis(step.millis)}
                  </span>
                </li>
              );
            })}
          </ol>
        )}
      </div>
      {error && <Failure error={error} />}
    </div>
  );
}
