// What is wrong with a materialized view, and what can be done: try again, skip, set bad rows aside.
import { useQueryClient } from "@tanstack/react-query";
import { Filter, RotateCcw, SkipForward } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import type { View } from "@/api/types";
import { LetterList } from "@/forms/LetterList";
import { keepBadRows, skipToLatest, steer, type ViewStats } from "@/pages/streams/calls";
import { streams, views } from "@/text/streams";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { Figure } from "@/ui/Figure";
import { count, time } from "@/ui/format";

const text = views.errors;

interface Way {
  label: string;
  why: string;
  icon: typeof RotateCcw;
  run: (name: string) => Promise<unknown>;
  main?: boolean;
}

// Rows that it had not read are gone: only then is there anything to skip.
const isBehindTheLog = (message: string): boolean =>
  /expired|removed|no longer there/i.test(message);

function waysOf(message: string): Way[] {
  const again: Way = {
    label: views.recover,
    why: text.recoverWhy,
    icon: RotateCcw,
    run: (name) => steer(name, "recover"),
    main: true,
  };
  const other: Way = isBehindTheLog(message)
    ? { label: text.skip, why: text.skipWhy, icon: SkipForward, run: skipToLatest }
    : { label: text.keep, why: text.keepWhy, icon: Filter, run: keepBadRows };
  return [again, other];
}

export function Errors({ view, stats }: { view: View; stats: ViewStats }) {
  const message = stats.last_error_message;
  const letters = stats.dead_letter_stream;
  return (
    <div className="flex max-w-4xl flex-col gap-4 pt-3">
      {message ? (
        <Failure
          what={stats.status === "Error" ? text.failedAt(time(stats.status_ts)) : views.error}
          error={new Error(message)}
        />
      ) : (
        <p className="text-muted">{text.none}</p>
      )}
      <dl className="flex flex-wrap gap-x-10 gap-y-3">
        <Figure name={views.lag}>{views.lagRows(stats.lagging)}</Figure>
        <Figure name={views.leftOut}>{count(stats.left_out_rows)}</Figure>
        <Figure name={streams.rows}>{count(stats.row_count)}</Figure>
      </dl>
      {stats.status === "Error" && <Ways name={view.name} message={message} />}
      <section>
        <h2 className="mb-1 text-xs font-semibold text-muted">{views.tabs.letters}</h2>
        {letters ? (
          <LetterList stream={letters} />
        ) : (
          <p className="text-muted">{views.lettersNone}</p>
        )}
      </section>
    </div>
  );
}

function Ways({ name, message }: { name: string; message: string }) {
  const may = useMay();
  const client = useQueryClient();
  const [busy, setBusy] = useState("");
  const [error, setError] = useState<Error | null>(null);
  if (!may("write:view")) return null;
  const run = (way: Way) => async () => {
    setBusy(way.label);
    setError(null);
    try {
      await way.run(name);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      await client.invalidateQueries({ queryKey: ["materialized_views"] });
      setBusy("");
    }
  };
  return (
    <ul className="flex flex-col gap-2">
      {waysOf(message).map((way) => (
        <li key={way.label} className="flex flex-wrap items-center gap-3">
          <Button
            look={way.main ? "primary" : "plain"}
            icon={way.icon}
            busy={busy === way.label}
            disabled={!!busy}
            onClick={run(way)}
          >
            {way.label}
          </Button>
          <span className="min-w-0 flex-1 text-muted">{way.why}</span>
        </li>
      ))}
      {error && <Failure error={error} />}
    </ul>
  );
}
