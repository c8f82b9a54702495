// All alerts with their state; those that are triggered or failed stand first.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { BellPlus, BellRing } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import type { Alert } from "@/api/types";
import { useGo } from "@/app/go";
import { alerts } from "@/text/alerts";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Confirm } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { alertsQuery, remove, savedQuery } from "./calls";
import { Severity, State, severityText } from "./State";

function urgency(alert: Alert): number {
  if (alert.instance.status === "triggered") return 0;
  return alert.status === "failed" ? 1 : 2;
}

const lastChange = (alert: Alert): number => alert.instance.timeline.at(-1)?.timestamp ?? 0;

export default function Alerts() {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const list = useQuery(alertsQuery);
  const [doomed, setDoomed] = useState<Alert[]>([]);
  const changes = may("write:alert");
  const create = changes && (
    <Button look="primary" icon={BellPlus} onClick={() => go("/alerts/new")}>
      {alerts.create}
    </Button>
  );
  return (
    <Page title={alerts.title} actions={create}>
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={alerts.title}
            rows={[...all].sort((a, b) => urgency(a) - urgency(b))}
            id={(alert) => alert.id}
            onOpen={(alert) => go(`/alerts/${encodeURIComponent(alert.id)}`)}
            empty={
              <Empty icon={BellRing} title={alerts.empty}>
                {changes && <First />}
              </Empty>
            }
            bulk={
              changes
                ? (chosen) => (
                    <Button look="danger" onClick={() => setDoomed(chosen)}>
                      {app.remove}
                    </Button>
                  )
                : undefined
            }
            columns={[
              {
                id: "name",
                title: alerts.name,
                value: (alert) => alert.name,
                cell: (alert) => alert.name,
              },
              {
                id: "state",
                title: alerts.state,
                value: (alert) => `${urgency(alert)} ${alert.instance.status} ${alert.status}`,
                cell: (alert) => <State alert={alert} />,
              },
              {
                id: "severity",
                title: alerts.severity,
                value: (alert) => alert.severity,
                cell: (alert) => <Severity value={alert.severity} />,
              },
              {
                id: "changed",
                title: alerts.lastEvent,
                value: lastChange,
                cell: (alert) => time(lastChange(alert)) || alerts.never,
              },
              {
                id: "action",
                title: alerts.action,
                value: (alert) => alert.action,
                cell: (alert) =>
                  [alert.action, ...(alert.actions ?? []).map((a) => a.action)].join(", "),
              },
              {
                id: "message",
                title: alerts.status,
                value: (alert) => alert.message,
                cell: (alert) => (
                  <span className={alert.status === "failed" ? "text-bad" : "text-muted"}>
                    {alert.message}
                  </span>
                ),
              },
              {
                id: "severity text",
                title: alerts.severityWord,
                value: (alert) => severityText(alert.severity),
                cell: (alert) => severityText(alert.severity),
                extra: true,
              },
            ]}
          />
        )}
      </Loaded>
      <Confirm
        open={doomed.length > 0}
        onClose={() => setDoomed([])}
        title={alerts.remove(doomed.map((alert) => alert.name).join(", "))}
        action={app.remove}
        run={async () => {
          try {
            for (const alert of doomed) await remove(alert.id);
          } finally {
            await client.invalidateQueries({ queryKey: ["alerts"] });
          }
        }}
      >
        <p>{alerts.removeWhy}</p>
      </Confirm>
    </Page>
  );
}

const SAVED_MAX = 5;

/** The ways to the first alert: the form, or a query that is there already. */
function First() {
  const go = useGo();
  const saved = useQuery(savedQuery);
  const some = (saved.data ?? []).slice(0, SAVED_MAX);
  return (
    <>
      <Button look="primary" icon={BellPlus} onClick={() => go("/alerts/new")}>
        {alerts.first}
      </Button>
      {some.length > 0 && <p>{alerts.fromSaved}</p>}
      {some.map((one) => (
        <Go
          key={one.id}
          className="text-accent underline"
          to={`/alerts/new?${new URLSearchParams({ sql: one.sql, name: one.name })}`}
        >
          {one.name}
        </Go>
      ))}
    </>
  );
}
