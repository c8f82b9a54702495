// Calls a function with values that are typed, and shows what it gives.
import { Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import { functions } from "@/text/functions";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { exec, type Result, type Udf } from "./calls";
import { sampleValue, testSql } from "./draft";

const text = functions.test;

export function TestBox({ udf }: { udf: Udf }) {
  const aggregate = udf.is_aggregation;
  const [values, setValues] = useState(() =>
    udf.arguments.map((arg) => sampleValue(arg.type, aggregate)),
  );
  const sql = testSql(udf.name, values, aggregate);
  const { run, busy, result, error } = useTry();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(sql);
  };
  return (
    <form
      onSubmit={submit}
      className="flex flex-col gap-3 rounded-lg border border-line bg-surface p-4"
    >
      <h2 className="text-sm font-semibold">{text.title}</h2>
      {udf.arguments.length > 0 && (
        <p className="text-muted">{aggregate ? text.whyAggregate : text.why}</p>
      )}
      {udf.arguments.map((arg, n) => (
        <TextField
          key={arg.name}
          label={[arg.name, arg.type].filter(Boolean).join(" ")}
          className="font-mono"
          value={values[n] ?? ""}
          onChange={(event) => setValues(values.map((v, m) => (m === n ? event.target.value : v)))}
        />
      ))}
      <p className="font-mono text-xs break-words text-muted">
        {text.sql}: {sql}
      </p>
      <div>
        <Button type="submit" look="primary" icon={Play} busy={busy}>
          {text.run}
        </Button>
      </div>
      <Outcome result={result} error={error} />
    </form>
  );
}

/** Runs a statement and keeps what came of it. */
export function useTry() {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Result | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const run = async (sql: string) => {
    setBusy(true);
    setError(null);
    setResult(null);
    try {
      setResult(await exec(sql));
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, result, error };
}

export function Outcome({ result, error }: { result: Result | null; error: Error | null }) {
  return (
    <div aria-live="polite">
      {error && <Failure error={error} />}
      {result && (
        <dl>
          <dt className="text-xs text-muted">
            {text.result} <span className="font-mono">{result.columns[0]?.type}</span>
          </dt>
          <dd className="overflow-x-auto rounded-md border border-line bg-page p-2 font-mono text-xs">
            {result.data.length
              ? result.data.map((row) => JSON.stringify(row[0])).join("\n")
              : text.nothing}
          </dd>
        </dl>
      )}
    </div>
  );
}
