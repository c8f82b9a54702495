// The form of an alert: what it watches, whom it tells, a test on history before it runs.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import type { Alert } from "@/api/types";
import { useGo } from "@/app/go";
import { SqlField } from "@/editor/SqlField";
import { CheckSteps } from "@/forms/CheckSteps";
import { connectorTypesQuery } from "@/forms/connectors";
import { faults } from "@/forms/schema";
import { alerts } from "@/text/alerts";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { ChoiceField, TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { type Action, Actions } from "./Actions";
import { Builder } from "./Builder";
import { alertQuery, put, sendTest } from "./calls";
import { TryOut } from "./TryOut";

const text = alerts.form;

interface Search {
  /** An alert to change, or with `copy` to begin from. */
  id?: string;
  copy?: boolean;
  /** What the condition is built over. */
  sql?: string;
  name?: string;
}

export default function AlertFormPage() {
  const search = useSearch({ strict: false }) as Search;
  const given = useQuery({
    ...alertQuery(search.id ?? ""),
    enabled: !!search.id,
    refetchInterval: false,
  });
  const title = search.id && !search.copy ? alerts.edit : alerts.create;
  return (
    <Page title={title}>
      {search.id ? (
        <Loaded of={given}>
          {(alert) => (
            <Form key={alert.id} given={alert} id={search.copy ? undefined : search.id} />
          )}
        </Loaded>
      ) : (
        <Form base={search.sql} name={search.name} />
      )}
    </Page>
  );
}

interface State {
  name: string;
  description: string;
  severity: number;
  cooldown: string;
  trigger: string;
  resolve: string;
  actions: Action[];
}

function initial(given: Alert | undefined, id: string | undefined, name: string): State {
  if (!given)
    return {
      name,
      description: "",
      severity: 2,
      cooldown: "",
      trigger: "",
      resolve: "",
      actions: [{ action: "http", properties: {} }],
    };
  const all = [{ action: given.action, properties: given.properties }, ...(given.actions ?? [])];
  return {
    name: id ? given.name : `${given.name} (2)`,
    description: given.description,
    severity: given.severity,
    cooldown: given.cooldown ?? "",
    trigger: given.trigger_sql,
    resolve: given.resolve_sql,
    actions: all.map((one) => ({ action: one.action, properties: { ...one.properties } })),
  };
}

function body(state: State) {
  const [first, ...more] = state.actions;
  return {
    name: state.name.trim(),
    description: state.description,
    severity: state.severity,
    cooldown: state.cooldown.trim() || null,
    trigger_sql: state.trigger,
    resolve_sql: state.resolve.trim() || null,
    action: first?.action ?? "http",
    properties: first?.properties ?? {},
    actions: more.length ? more : null,
  };
}

function Form(props: { given?: Alert; id?: string; base?: string; name?: string }) {
  const { given, id } = props;
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const types = useQuery(connectorTypesQuery);
  const [state, setState] = useState(() => initial(given, id, props.name ?? ""));
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const set = (change: Partial<State>) => setState((old) => ({ ...old, ...change }));
  const wrong = state.actions.map((one) => {
    const schema = types.data?.sinks.find((type) => type.name === one.action)?.schema;
    return schema ? faults(schema, one.properties) : {};
  });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    setError(null);
    if (wrong.some((found) => Object.keys(found).length)) return;
    setBusy(true);
    try {
      const made = await put(body(state), id);
      await client.invalidateQueries({ queryKey: ["alerts"] });
      notify(id ? text.saved(made.name) : text.made(made.name));
      go(`/alerts/${encodeURIComponent(made.id)}`);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="grid gap-4 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-4">
        <Section title={text.what}>
          <TextField
            label={alerts.name}
            required
            maxLength={255}
            value={state.name}
            onChange={(event) => set({ name: event.target.value })}
          />
          {!given && (
            <Builder
              base={props.base ?? ""}
              onSql={(trigger, resolve) => set({ trigger, resolve })}
            />
          )}
          <SqlField
            label={text.trigger}
            hint={text.triggerHint}
            required
            value={state.trigger}
            onChange={(trigger) => set({ trigger })}
          />
          <SqlField
            label={text.resolve}
            hint={text.resolveHint}
            value={state.resolve}
            onChange={(resolve) => set({ resolve })}
          />
          <div className="grid gap-3 sm:grid-cols-2">
            <ChoiceField
              label={alerts.severity}
              value={String(state.severity)}
              choices={Object.keys(alerts.severities)
                .concat(alerts.severities[state.severity] ? [] : [String(state.severity)])
                .map((n) => ({ value: n, label: alerts.severities[Number(n)] ?? n }))}
              onChange={(event) => set({ severity: Number(event.target.value) })}
            />
            <TextField
              label={alerts.cooldown}
              hint={alerts.cooldownHint}
              value={state.cooldown}
              onChange={(event) => set({ cooldown: event.target.value })}
            />
          </div>
          <TextField
            label={text.description}
            value={state.description}
            onChange={(event) => set({ description: event.target.value })}
          />
        </Section>
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <Section title={text.who}>
          <Actions
            actions={state.actions}
            onChange={(actions) => set({ actions })}
            faults={tried ? wrong : []}
            alertId={given?.id}
          />
          {/* Masked secrets of a stored alert are known to the server only: its page sends. */}
          {!given && may("write:alert") && (
            <CheckSteps
              label={text.message}
              good={text.messageSent}
              disabled={wrong.some((found) => Object.keys(found).length)}
              run={() => {
                const { name, severity, action, properties, actions, trigger_sql } = body(state);
                return sendTest({ name, severity, action, properties, actions, trigger_sql });
              }}
            />
          )}
        </Section>
        <Section title={text.test}>
          <TryOut trigger={state.trigger} resolve={state.resolve} />
        </Section>
        {error && <Failure error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={() => window.history.back()}>{app.cancel}</Button>
          <Button
            type="submit"
            look="primary"
            busy={busy}
            disabled={!may("write:alert") || !state.trigger.trim()}
          >
            {id ? app.save : text.create}
          </Button>
        </div>
      </div>
    </form>
  );
}

function Section({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className="flex flex-col gap-3 rounded-lg border border-line bg-surface p-3">
      <h2 className="text-xs font-semibold text-muted">{title}</h2>
      {children}
    </section>
  );
}
