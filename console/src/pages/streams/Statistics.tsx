// Figures of a stream: rows, room, newest event, rates of the last days.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Stream } from "@/api/types";
import { streams as text } from "@/text/streams";
import { Failure } from "@/ui/Failure";
import { ChoiceField } from "@/ui/Field";
import { Figure } from "@/ui/Figure";
import { bytes, compact, count, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Sparkline } from "@/ui/Sparkline";
import { type StreamStats, streamStatsQuery } from "./calls";

export function Statistics({ stream }: { stream: Stream }) {
  const [days, setDays] = useState(1);
  const stats = useQuery(streamStatsQuery(stream.name, days));
  return (
    <div className="flex flex-col gap-4 pt-3">
      {stream.description && <p className="text-muted">{stream.description}</p>}
      <Loaded of={stats}>
        {(now) => (
          <>
            {now.ttl_error && <Failure what={text.ttlError} error={new Error(now.ttl_error)} />}
            {!!now.degraded?.length && (
              <Failure what={text.degraded} error={new Error(JSON.stringify(now.degraded))} />
            )}
            <dl className="flex flex-wrap gap-x-10 gap-y-3">
              <Figure name={text.rows}>{count(now.row_count ?? 0)}</Figure>
              <Figure name={text.stored}>
                {bytes(now.historical_data_bytes + now.streaming_data_bytes)}
              </Figure>
              <Figure name={text.written}>{compact(now.written_eps)}</Figure>
              <Figure name={text.read}>{compact(now.read_eps)}</Figure>
              <Figure name={text.earliest}>{time(now.earliest_event)}</Figure>
              <Figure name={text.latest}>{time(now.latest_event)}</Figure>
            </dl>
            <div className="w-32">
              <ChoiceField
                label={text.history}
                value={String(days)}
                choices={["1", "7", "30"].map((n) => ({ value: n, label: n }))}
                onChange={(event) => setDays(Number(event.target.value))}
              />
            </div>
            <div className="grid gap-4 lg:grid-cols-2">
              <Rates title={text.written} of={now} pick={(point) => point.written_eps} />
              <Rates title={text.read} of={now} pick={(point) => point.read_eps} />
            </div>
          </>
        )}
      </Loaded>
    </div>
  );
}

type Point = NonNullable<StreamStats["history"]>[number];

function Rates(props: { title: string; of: StreamStats; pick: (point: Point) => number }) {
  const values = (props.of.history ?? []).map(props.pick);
  return (
    <section className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-xs font-semibold text-muted">{props.title}</h2>
      {values.length > 1 ? (
        <Sparkline values={values} label={props.title} />
      ) : (
        <p className="text-muted">{text.historyEmpty}</p>
      )}
    </section>
  );
}
