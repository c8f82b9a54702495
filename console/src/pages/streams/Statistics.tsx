// Figures of a stream: rows, room, newest event, rates of the last days.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Stream } from "@/api/types";
import { streams as text } from "@/text/streams";
import { Failure } from "@/ui/Failure";
import { ChoiceField } from "@/ui/Field";
import { Figure } from "@/ui/Figure";
import { bytes, count, perSecond, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Sparkline } from "@/ui/Sparkline";
import { type StreamStats, streamStatsQuery } from "./calls";
import { nodeOf, useRates } from "./rates";

export function Statistics({ stream }: { stream: Stream }) {
  const [days, setDays] = useState(1);
  const node = nodeOf(useRates(true), "stream", stream.name);
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
              {node && <Figure name={text.written}>{perSecond(node.rows_in)}</Figure>}
              {node && <Figure name={text.read}>{perSecond(node.rows_out)}</Figure>}
              <Figure name={text.earliest}>{time(now.earliest_event)}</Figure>
              <Figure name={text.latest}>{time(now.latest_event)}</Figure>
            </dl>
            {node?.history && <Line title={text.rates} values={node.history.rows_in} />}
            <div className="w-40">
              <ChoiceField
                label={text.history}
                value={String(days)}
                choices={[1, 7, 30].map((n) => ({ value: String(n), label: text.days(n) }))}
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
  return <Line title={props.title} values={(props.of.history ?? []).map(props.pick)} />;
}

function Line({ title, values }: { title: string; values: number[] }) {
  return (
    <section className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-xs font-semibold text-muted">{title}</h2>
      {values.length > 1 ? (
        <Sparkline values={values} label={title} />
      ) : (
        <p className="text-muted">{text.historyEmpty}</p>
      )}
    </section>
  );
}
