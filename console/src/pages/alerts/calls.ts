// Calls of the alert pages.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Alert, SavedQuery, Schemas } from "@/api/types";
import type { CheckResult } from "@/forms/connectors";
import type { Values } from "@/forms/schema";

export type NewAlert = Schemas["CreateAlertRequest"];
export type TestResult = Schemas["AlertTestResponse"];
export type Analysis = Schemas["SQLAnalyzeResult"];

export const REFRESH_MS = 3_000;

export const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: () => call<Alert[]>("alerts"),
  refetchInterval: REFRESH_MS,
});

export const savedQuery = queryOptions({
  queryKey: ["savedqueries"],
  queryFn: () => call<SavedQuery[]>("savedqueries"),
});

export const alertQuery = (id: string) =>
  queryOptions({
    queryKey: ["alerts", id],
    queryFn: () => call<Alert>(`alerts/${encodeURIComponent(id)}`),
    refetchInterval: REFRESH_MS,
  });

export const act = (id: string, verb: "start" | "stop" | "resolve"): Promise<void> =>
  call(`alerts/${encodeURIComponent(id)}/${verb}`, { method: "POST" });

export const remove = (id: string): Promise<void> =>
  call(`alerts/${encodeURIComponent(id)}`, { method: "DELETE" });

/** Made, or with an id changed as a whole. */
export const put = (alert: NewAlert, id?: string): Promise<Alert> =>
  id
    ? call<Alert>(`alerts/${encodeURIComponent(id)}`, { method: "PUT", body: alert })
    : call<Alert>("alerts", { body: alert });

export const tryOut = (
  trigger_sql: string,
  resolve_sql: string,
  minutes: number,
  signal: AbortSignal,
): Promise<TestResult> =>
  call<TestResult>("alerts/test", {
    body: { trigger_sql, minutes, ...(resolve_sql.trim() && { resolve_sql }) },
    signal,
  });

interface Told {
  id?: string;
  name?: string;
  severity?: number;
  action?: string;
  properties?: Values;
  actions?: { action: string; properties: Values }[] | null;
  trigger_sql?: string;
}

/** One message, marked as a test, to all actions; the state of the alert stays as it is. */
export async function sendTest(told: Told): Promise<CheckResult> {
  const { ok, actions } = await call<{
    ok: boolean;
    actions: (CheckResult & { action: string })[];
  }>("alerts/test_message", { body: told });
  const steps = actions.flatMap((one) =>
    one.steps.map((step) => ({ ...step, name: `${one.action}: ${step.name}` })),
  );
  return { ok, steps };
}

export const analyze = (sql: string): Promise<Analysis> =>
  call<Analysis>("sqlanalyze", { body: { sql } });
