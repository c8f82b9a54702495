// State and severity of an alert as badges.
import type { Alert } from "@/api/types";
import { alerts } from "@/text/alerts";
import { Badge, Status } from "@/ui/Badge";

export function State({ alert }: { alert: Alert }) {
  const triggered = alert.instance.status === "triggered";
  return (
    <span className="inline-flex gap-1">
      <Badge tone={triggered ? "bad" : "good"}>
        {triggered ? alerts.triggered : alerts.resolved}
      </Badge>
      {alert.status !== "running" && <Status value={alert.status} />}
    </span>
  );
}

export const severityText = (n: number): string => alerts.severities[n] ?? alerts.severityOther(n);

export function Severity({ value }: { value: number }) {
  return (
    <Badge tone={value === 1 ? "bad" : value === 2 ? "warn" : "plain"}>{severityText(value)}</Badge>
  );
}
