// A dry run of an alert's queries over what is stored: when it would have changed.
import { History } from "lucide-react";
import { useEffect, useState } from "react";
import { alerts } from "@/text/alerts";
import { app } from "@/text/app";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { ChoiceField } from "@/ui/Field";
import { time } from "@/ui/format";
import { type TestResult, tryOut } from "./calls";

const text = alerts.form;
const MINUTES = [10, 60, 360, 1440];
const SHOWN_MAX = 50;

export function TryOut({ trigger, resolve }: { trigger: string; resolve: string }) {
  const [minutes, setMinutes] = useState(10);
  const [result, setResult] = useState<TestResult | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [running, setRunning] = useState<AbortController | null>(null);
  const seconds = useSeconds(!!running);
  useEffect(() => () => running?.abort(), [running]);
  const go = async () => {
    const run = new AbortController();
    setRunning(run);
    setError(null);
    setResult(null);
    try {
      setResult(await tryOut(trigger, resolve, minutes, run.signal));
    } catch (reason) {
      if (!run.signal.aborted) setError(reason as Error);
    } finally {
      setRunning(null);
    }
  };
  return (
    <>
      <p className="text-muted">{text.testWhy}</p>
      <div className="flex flex-wrap items-end gap-2">
        <div className="w-40">
          <ChoiceField
            label={text.minutes}
            value={String(minutes)}
            choices={MINUTES.map((n) => ({ value: String(n), label: text.span(n) }))}
            onChange={(event) => setMinutes(Number(event.target.value))}
          />
        </div>
        <Button icon={History} busy={!!running} disabled={!trigger.trim()} onClick={go}>
          {text.test}
        </Button>
        {running && <Button onClick={() => running.abort()}>{app.cancel}</Button>}
        {seconds > 1 && <span className="py-1 text-muted">{text.testRuns(seconds)}</span>}
      </div>
      <div aria-live="polite">{result && <Result result={result} />}</div>
      {error && <Failure error={error} />}
    </>
  );
}

/** Whole seconds since it was switched on. */
function useSeconds(on: boolean): number {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    setSeconds(0);
    if (!on) return;
    const timer = setInterval(() => setSeconds((n) => n + 1), 1_000);
    return () => clearInterval(timer);
  }, [on]);
  return seconds;
}

function Result({ result }: { result: TestResult }) {
  const fired = result.transitions.filter((one) => one.type === "triggered").length;
  return (
    <>
      <p className="font-medium">
        {fired ? text.testFound(fired, result.scanned_rows) : text.testNone(result.scanned_rows)}
      </p>
      {result.truncated && <p className="text-muted">{text.testCut(result.transitions_max)}</p>}
      <ol className="mt-2 flex max-h-64 flex-col gap-1 overflow-auto">
        {result.transitions.slice(0, SHOWN_MAX).map((one) => (
          <li key={`${one.time} ${one.type}`} className="flex min-w-0 items-center gap-2">
            <Badge tone={one.type === "triggered" ? "bad" : "good"}>{one.type}</Badge>
            <time dateTime={one.time} className="whitespace-nowrap">
              {time(one.time)}
            </time>
            <code className="truncate text-xs text-muted" title={JSON.stringify(one.row)}>
              {JSON.stringify(one.row)}
            </code>
          </li>
        ))}
      </ol>
    </>
  );
}
