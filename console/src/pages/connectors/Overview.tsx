// What a source or sink has done: rows, rate, failures, gaps, errors.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Sort } from "@/forms/connectors";
import { connectors as text } from "@/text/connectors";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { Figure } from "@/ui/Figure";
import { age, count, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Sparkline } from "@/ui/Sparkline";
import { type Connector, type ConnectorStats, statsQuery } from "./calls";

const ERRORS_MAX = 50;

export function Overview({ sort, one }: { sort: Sort; one: Connector }) {
  const stats = useQuery(statsQuery(sort, one.id));
  const failed = ["failed", "error"].includes(one.status) && one.message;
  return (
    <div className="flex flex-col gap-4 pt-3">
      {failed && <Failure error={new Error(one.message)} />}
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
      <Loaded of={stats}>{(now) => <Figures sort={sort} stats={now} />}</Loaded>
    </div>
  );
}

function Figures({ sort, stats }: { sort: Sort; stats: ConnectorStats }) {
  const own = text.stats;
  const values = stats.throughput.map((point) => point.value);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Box title={own.throughput}>
        {values.length > 1 ? (
          <Sparkline values={values} label={own.throughput} />
        ) : (
          <p className="text-muted">{own.throughputEmpty}</p>
        )}
        <dl className="mt-2 flex flex-wrap gap-x-8 gap-y-2">
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

function Box({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-xs font-semibold text-muted">{title}</h2>
      {children}
    </section>
  );
}
