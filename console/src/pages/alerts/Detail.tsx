// One alert: its state and timeline, its queries, whom it tells; start, stop, resolve, edit.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { CircleCheck, Copy, Pencil, Play, Square } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import type { Alert } from "@/api/types";
import { useGo } from "@/app/go";
import { CheckSteps } from "@/forms/CheckSteps";
import { Removal } from "@/forms/Removal";
import { alerts } from "@/text/alerts";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { age, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { act, alertQuery, remove, sendTest } from "./calls";
import { Severity, State } from "./State";

export default function AlertDetail() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const alert = useQuery(alertQuery(id));
  return (
    <Page
      title={alert.data?.name ?? alerts.one}
      note={
        alert.data && (
          <>
            <State alert={alert.data} />
            <Severity value={alert.data.severity} />
          </>
        )
      }
      actions={alert.data && <Actions alert={alert.data} />}
    >
      <Loaded of={alert}>{(shown) => <Overview alert={shown} />}</Loaded>
    </Page>
  );
}

function Actions({ alert }: { alert: Alert }) {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const [busy, setBusy] = useState("");
  if (!may("write:alert")) return null;
  const run = (verb: "start" | "stop" | "resolve") => async () => {
    setBusy(verb);
    try {
      await act(alert.id, verb);
      await client.invalidateQueries({ queryKey: ["alerts"] });
    } catch (error) {
      notify((error as Error).message, "bad");
    } finally {
      setBusy("");
    }
  };
  const edit = `/alerts/new?id=${encodeURIComponent(alert.id)}`;
  return (
    <>
      {alert.instance.status === "triggered" && (
        <Button
          look="primary"
          icon={CircleCheck}
          busy={busy === "resolve"}
          onClick={run("resolve")}
        >
          {alerts.resolve}
        </Button>
      )}
      {alert.status === "stopped" ? (
        <Button icon={Play} busy={busy === "start"} onClick={run("start")}>
          {alerts.start}
        </Button>
      ) : (
        <Button icon={Square} busy={busy === "stop"} onClick={run("stop")}>
          {alerts.stop}
        </Button>
      )}
      <Button icon={Pencil} onClick={() => go(edit)}>
        {alerts.edit}
      </Button>
      <Button icon={Copy} onClick={() => go(`${edit}&copy=true`)}>
        {alerts.duplicate}
      </Button>
      <Removal
        remove={() => remove(alert.id)}
        title={alerts.remove(alert.name)}
        why={alerts.removeWhy}
        queryKey={["alerts"]}
        onDone={() => go("/alerts")}
      />
    </>
  );
}

function Overview({ alert }: { alert: Alert }) {
  const may = useMay();
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-4">
        {alert.message && alert.status === "failed" && (
          <Failure what={alerts.deliveryFailed} error={new Error(alert.message)} />
        )}
        {alert.description && <p className="text-muted">{alert.description}</p>}
        <Sql title={alerts.trigger} sql={alert.trigger_sql} />
        {alert.resolve_sql ? (
          <Sql title={alerts.resolveOn} sql={alert.resolve_sql} />
        ) : (
          <p className="text-muted">{alerts.resolveByHand}</p>
        )}
        <section>
          <h2 className="mb-1 text-xs font-semibold text-muted">{alerts.actions}</h2>
          <ul className="flex flex-col gap-2">
            {[{ action: alert.action, properties: alert.properties }, ...(alert.actions ?? [])].map(
              (one, n) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: actions have their number only
                <li key={n}>
                  <Badge>{one.action}</Badge>
                  <CodeBlock
                    label={one.action}
                    text={JSON.stringify(one.properties ?? {}, null, 2)}
                  />
                </li>
              ),
            )}
          </ul>
          {may("write:alert") && (
            <div className="mt-2">
              <CheckSteps
                run={() => sendTest({ id: alert.id })}
                label={alerts.form.message}
                good={alerts.form.messageSent}
              />
            </div>
          )}
          {alert.cooldown && (
            <p className="mt-2 text-muted">
              {alerts.cooldown}: {alert.cooldown}
            </p>
          )}
          {alert.dead_letter_stream && (
            <p className="mt-2">
              {alerts.letters}:{" "}
              <Go
                className="text-accent underline"
                to={`/query?sql=${encodeURIComponent(`SELECT * FROM table(${alert.dead_letter_stream})`)}`}
              >
                {alert.dead_letter_stream}
              </Go>
            </p>
          )}
        </section>
      </div>
      <Timeline alert={alert} />
    </div>
  );
}

function Sql({ title, sql }: { title: string; sql: string }) {
  return (
    <section className="min-w-0">
      <div className="mb-1 flex items-center justify-between gap-2">
        <h2 className="text-xs font-semibold text-muted">{title}</h2>
        <Go
          className="leading-6 text-accent hover:underline"
          to={`/query?sql=${encodeURIComponent(sql)}`}
        >
          {alerts.openInQuery}
        </Go>
      </div>
      <div className="[&_pre]:break-words [&_pre]:whitespace-pre-wrap">
        <CodeBlock label={title} text={sql} />
      </div>
    </section>
  );
}

function Timeline({ alert }: { alert: Alert }) {
  const events = [...alert.instance.timeline].reverse();
  return (
    <section aria-labelledby="timeline" className="rounded-lg border border-line bg-surface p-3">
      <h2 id="timeline" className="mb-2 text-xs font-semibold text-muted">
        {alerts.timeline}
      </h2>
      {events.length ? (
        <Band events={alert.instance.timeline} />
      ) : (
        <p className="text-muted">{alerts.timelineEmpty}</p>
      )}
      <ol tabIndex={0} className="flex max-h-[60vh] flex-col overflow-auto">
        {events.map((event, n) => {
          const until = n === 0 ? Date.now() : (events[n - 1]?.timestamp ?? 0);
          return (
            <li
              key={`${event.timestamp} ${event.type}`}
              className="flex items-center gap-2 border-l-2 border-line py-1 pl-3"
            >
              <Badge tone={event.type === "triggered" ? "bad" : "good"}>{event.type}</Badge>
              <time dateTime={new Date(event.timestamp).toISOString()}>
                {time(event.timestamp)}
              </time>
              <span className="text-xs text-muted">
                {(n === 0 ? alerts.until : alerts.lasted)(age(until - event.timestamp))}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** The incidents as parts of a line that ends now. */
function Band({ events }: { events: Alert["instance"]["timeline"] }) {
  const now = Date.now();
  const from = events[0]?.timestamp ?? now;
  const span = Math.max(1, now - from);
  const incidents = events.flatMap((event, n) =>
    event.type === "triggered"
      ? [{ from: event.timestamp, to: events[n + 1]?.timestamp ?? now }]
      : [],
  );
  return (
    <div
      role="img"
      aria-label={alerts.timelineOf(age(span))}
      title={alerts.timelineOf(age(span))}
      className="relative mb-2 h-4 overflow-hidden rounded border border-line bg-good-soft"
    >
      {incidents.map((one) => (
        <span
          key={one.from}
          className="absolute top-0 h-full min-w-0.5 bg-bad"
          style={{
            left: `${((one.from - from) / span) * 100}%`,
            width: `${((one.to - one.from) / span) * 100}%`,
          }}
        />
      ))}
    </div>
  );
}
