// What a source or sink has done: rows, rate, failures, gaps, errors.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Sort } from "@/forms/connectors";
import { nodeOf, useRates } from "@/pages/streams/rates";
import { connectors as text } from "@/text/connectors";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { Figure } from "@/ui/Figure";
import { age, bytes, count, perSecond, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Sparkline } from "@/ui/Sparkline";
import { type Connector, type ConnectorStats, singular, statsQuery } from "./calls";

const ERRORS_MAX = 50;

export function Overview({ sort, one }: { sort: Sort; one: Connector }) {
  const stats = useQuery(statsQuery(sort, one.id));
  const failed = ["failed", "error"].includes(one.status) && one.message;
  return (
    <div className="flex flex-col gap-4 pt-3">
      {failed && <Failure what={text.message} error={new Error(one.message)} />}
      {one.description && <p className="text-muted">{one.description}</p>}
      {"stream" in one ? (
        <p>
          {text.stream}:{" "}
          <Go className="text-accent underline" to={`/streams/${encodeURIComponent(one.stream)}`}>
            {one.stream}
          </Go>{" "}
          · {text.guarantee}: {one.guarantee}
        </p>
      ) : (
        <CodeBlock text={one.query} label={text.query} />
      )}
      <Loaded of={stats}>{(now) => <Figures sort={sort} id={one.id} stats={now} />}</Loaded>
    </div>
  );
}

function Figures({ sort, id, stats }: { sort: Sort; id: string; stats: ConnectorStats }) {
  const own = text.stats;
  const node = nodeOf(useRates(true), singular(sort), id);
  const bytesEach = stats.throughput.map((point) => point.value);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Box title={own.rates}>
        <Line values={node?.history?.rows_out ?? []} label={own.rates} />
        <dl className="mt-2 flex flex-wrap gap-x-8 gap-y-2">
          {node && <Figure name={own.now}>{perSecond(node.rows_out)}</Figure>}
          <Figure name={sort === "sources" ? own.rows : own.delivered}>
            {count(stats.success_count)}
          </Figure>
          <Figure name={own.failures}>{count(stats.failure_count)}</Figure>
          {sort === "sinks" && stats.lagging !== undefined && (
            <Figure name={own.waiting}>{count(stats.lagging)}</Figure>
          )}
          <Figure name={own.uptime}>{age(stats.uptime)}</Figure>
        </dl>
      </Box>
      <Box title={own.throughput}>
        <Line values={bytesEach} label={own.throughput} />
        {bytesEach.length > 0 && (
          <p className="mt-2 text-xs text-muted">{own.bytesNow(bytes(bytesEach.at(-1) ?? 0))}</p>
        )}
      </Box>
      <Box title={own.errors}>
        {!stats.errors.length && <p className="text-muted">{own.errorsNone}</p>}
        <ul className="flex max-h-72 flex-col gap-1 overflow-auto">
          {[...stats.errors]
            .reverse()
            .slice(0, ERRORS_MAX)
            .map((error, n) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: equal errors may come twice
              <li key={n} className="break-words">
                <time className="mr-2 text-xs text-muted">{time(error.time)}</time>
                {error.message}
              </li>
            ))}
        </ul>
      </Box>
      {!!stats.gaps?.length && (
        <Box title={own.gaps}>
          <ul>
            {stats.gaps.map((gap) => (
              <li key={gap.from}>
                {own.gapLine(time(gap.from), time(gap.to), gap.reason, gap.count)}
              </li>
            ))}
          </ul>
        </Box>
      )}
    </div>
  );
}

function Line({ values, label }: { values: number[]; label: string }) {
  if (values.length > 1) return <Sparkline values={values} label={label} />;
  return <p className="text-muted">{text.stats.throughputEmpty}</p>;
}

function Box({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-xs font-semibold text-muted">{title}</h2>
      {children}
    </section>
  );
}
