// The server itself: version, parts, connections, queries, memory, storage, log, all figures.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call, send } from "@/api/client";
import { useSession } from "@/api/session";
import type { Schemas } from "@/api/types";
import { ROOT, workspace } from "@/app/place";
import { admin } from "@/text/admin";
import { Badge, type Tone } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import { bytes, count, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { figure, type Sample, samples } from "./figures";

type Report = Schemas["System"];

const text = admin.system;
const REFRESH_MS = 5_000;
const FIRST = "default";
const TONES: Record<string, Tone> = { warning: "warn", error: "bad", critical: "bad" };

const infoQuery = {
  queryKey: ["info"],
  queryFn: () => call<Schemas["Info"]>("api/info", { absolute: true }),
};
const metricsQuery = {
  queryKey: ["metrics"],
  queryFn: async () => {
    const path = `${workspace() ? `${workspace()}/` : ""}api/metrics`;
    return samples(await (await send(path, { absolute: true })).text());
  },
  refetchInterval: REFRESH_MS,
};
const reportQuery = {
  queryKey: ["system"],
  queryFn: () => call<Report>("system"),
  refetchInterval: REFRESH_MS,
};

export function System() {
  const session = useSession();
  const all = session.role === "admin" && session.workspace === FIRST;
  const metrics = useQuery(metricsQuery);
  const report = useQuery({ ...reportQuery, enabled: all });
  return (
    <div className="flex flex-col gap-5">
      <Parts />
      <Loaded of={metrics}>
        {(found) => <Now figures={found} report={all ? report.data : undefined} />}
      </Loaded>
      {all ? (
        <Loaded of={report}>
          {(found) => (
            <>
              <Processes of={found.processes} />
              <Logs of={found.logs} />
            </>
          )}
        </Loaded>
      ) : (
        <p className="text-muted">{text.others(FIRST)}</p>
      )}
      <Loaded of={metrics}>{(found) => <Figures of={found} />}</Loaded>
    </div>
  );
}

function Section({ title, why, children }: { title: string; why?: string; children: ReactNode }) {
  return (
    <section>
      <h2 className="mb-1 text-sm font-semibold">{title}</h2>
      {why && <p className="mb-2 text-muted">{why}</p>}
      {children}
    </section>
  );
}

function Parts() {
  const info = useQuery(infoQuery);
  const ready = useQuery({
    queryKey: ["readyz", "checks"],
    queryFn: () => call<{ checks: Record<string, unknown> }>("readyz", { absolute: true }),
    refetchInterval: REFRESH_MS,
  });
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Loaded of={info}>
        {(about) => (
          <p>
            {text.version} <strong>{about.product_version}</strong> ·{" "}
            <a className="text-accent underline" href={`${ROOT}docs`}>
              {text.docs}
            </a>
          </p>
        )}
      </Loaded>
      <Loaded of={ready}>
        {({ checks }) => (
          <ul aria-label={text.ready} className="flex flex-wrap gap-2">
            {Object.entries(checks).map(([name, state]) => (
              <li key={name} className="rounded-md border border-line bg-surface px-2 py-1">
                {name}{" "}
                <Badge tone={state === "ok" ? "good" : "bad"}>
                  {state === "ok" ? text.up : String(state)}
                </Badge>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </div>
  );
}

function Now({ figures, report }: { figures: Sample[]; report?: Report }) {
  const of = (name: string) => figure(figures, `tailrace_${name}`);
  const memory = report?.processes.reduce((sum, one) => sum + one.resident_bytes, 0);
  const free = of("disk_free_bytes");
  const disk = of("disk_bytes");
  const lines: [string, string, string?][] = [
    [text.queries, count(of("queries_running")), "/query/history"],
    ...(report
      ? ([
          [text.sockets, count(report.connections.sockets)],
          [text.eventStreams, count(report.connections.event_streams)],
        ] as [string, string][])
      : []),
    ...(memory ? ([[text.memory, bytes(memory)]] as [string, string][]) : []),
    [text.hot, bytes(of("engine_hot_bytes"))],
    [text.log, bytes(of("engine_log_bytes"))],
    [text.history, bytes(of("engine_history_bytes"))],
    [text.disk, disk ? text.freeOf(bytes(free), bytes(disk), Math.round((100 * free) / disk)) : ""],
  ];
  return (
    <Section title={text.now}>
      <dl className="grid gap-2 sm:grid-cols-3 lg:grid-cols-4">
        {lines
          .filter(([, value]) => value)
          .map(([name, value, page]) => (
            <div key={name} className="rounded-lg border border-line bg-surface p-3">
              <dt className="text-xs text-muted">{name}</dt>
              <dd className="text-base font-semibold tabular-nums">
                {page ? (
                  <Go to={page} className="text-accent underline">
                    {value}
                  </Go>
                ) : (
                  value
                )}
              </dd>
            </div>
          ))}
      </dl>
    </Section>
  );
}

const ENGINE = "engine-";
const nameOf = (name: string): string =>
  name.startsWith(ENGINE) ? text.engineOf(name.slice(ENGINE.length)) : name;

function Processes({ of }: { of: Report["processes"] }) {
  return (
    <Section title={text.processes} why={text.processesWhy}>
      <DataTable
        label={text.processes}
        rows={of}
        id={(one) => one.name}
        columns={[
          {
            id: "name",
            title: text.process,
            value: (one) => one.name,
            cell: (one) => nameOf(one.name),
          },
          {
            id: "memory",
            title: text.memory,
            numeric: true,
            value: (one) => one.resident_bytes,
            cell: (one) => bytes(one.resident_bytes),
          },
          {
            id: "restarts",
            title: text.restarts,
            numeric: true,
            value: (one) => one.restarts,
            cell: (one) => count(one.restarts),
          },
          {
            id: "pid",
            title: text.pid,
            numeric: true,
            value: (one) => one.pid,
            cell: (one) => one.pid || text.down,
          },
        ]}
      />
    </Section>
  );
}

function Logs({ of }: { of: Report["logs"] }) {
  return (
    <Section title={text.logs} why={text.logsWhy}>
      <DataTable
        label={text.logs}
        rows={of.map((line, n) => ({ ...line, n }))}
        id={(line) => `${line.time_ms} ${line.n}`}
        empty={<p className="text-muted">{text.noLogs}</p>}
        columns={[
          {
            id: "time",
            title: text.time,
            value: (line) => line.time_ms,
            cell: (line) => <span className="whitespace-nowrap">{time(line.time_ms)}</span>,
          },
          {
            id: "level",
            title: text.level,
            value: (line) => line.level,
            cell: (line) => <Badge tone={TONES[line.level] ?? "plain"}>{line.level}</Badge>,
          },
          {
            id: "message",
            title: text.message,
            value: (line) => line.message,
            cell: (line) => <span className="font-mono text-xs break-words">{line.message}</span>,
          },
          {
            id: "logger",
            title: text.logger,
            value: (line) => line.logger,
            cell: (line) => line.logger,
            extra: true,
          },
        ]}
      />
    </Section>
  );
}

function Figures({ of }: { of: Sample[] }) {
  return (
    <details>
      <summary className="min-h-6 cursor-pointer text-sm font-semibold">{text.metrics}</summary>
      <p className="my-2 text-muted">{text.metricsWhy}</p>
      <DataTable
        label={text.metrics}
        rows={of}
        id={(sample) => sample.name}
        columns={[
          {
            id: "name",
            title: text.name,
            value: (sample) => sample.name,
            cell: (sample) => <span className="font-mono text-xs break-all">{sample.name}</span>,
          },
          {
            id: "value",
            title: text.value,
            numeric: true,
            value: (sample) => Number(sample.value),
            cell: (sample) => Number(sample.value).toLocaleString("en"),
          },
        ]}
      />
    </details>
  );
}
