// A new sink in four steps: type, query, connection, review.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { useGo } from "@/app/go";
import { apiPath } from "@/app/place";
import { CheckSteps } from "@/forms/CheckSteps";
import {
  type ConnectorTypes,
  check,
  connectorTypesQuery,
  sendTest,
  suggest,
} from "@/forms/connectors";
import { useDraft } from "@/forms/draft";
import { SchemaForm } from "@/forms/SchemaForm";
import { faults, type Values, withoutSecrets } from "@/forms/schema";
import { TypeCards } from "@/forms/TypeCards";
import { Wizard } from "@/forms/Wizard";
import { connectors } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { AreaField, TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { create, nameFault } from "./calls";

const text = connectors.wizard;

interface Draft {
  step: string;
  type: string;
  properties: Values;
  name: string;
  query: string;
}

const EMPTY: Draft = { step: "type", type: "", properties: {}, name: "", query: "" };

export default function SinkWizard() {
  const types = useQuery(connectorTypesQuery);
  const { sql } = useSearch({ strict: false }) as { sql?: string };
  return (
    <Page title={connectors.sinks.create}>
      <Loaded of={types}>{(all) => <Steps types={all} sql={sql} />}</Loaded>
    </Page>
  );
}

function Steps({ types, sql }: { types: ConnectorTypes; sql?: string }) {
  const go = useGo();
  const client = useQueryClient();
  const secrets = (name: string) => types.sinks.find((one) => one.name === name)?.secrets ?? [];
  const clean = (draft: Draft): Draft => ({
    ...draft,
    properties: withoutSecrets(draft.properties, secrets(draft.type)),
  });
  const [draft, set, forget] = useDraft(
    "sink",
    sql ? { ...EMPTY, query: sql } : EMPTY,
    clean,
    !!sql,
  );
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const { properties, query } = draft;
  const type = types.sinks.find((one) => one.name === draft.type);
  const wrong = type ? faults(type.schema, properties) : {};
  const target = { type: draft.type, properties, query };
  const body = { name: draft.name, type: draft.type, query, properties };
  const finish = async () => {
    setBusy(true);
    setError(null);
    try {
      const made = await create("sinks", body);
      await client.invalidateQueries({ queryKey: ["sinks"] });
      notify(connectors.sinks.made(made.name));
      forget();
      go(`/sinks/${encodeURIComponent(made.id)}`);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const steps = [
    {
      id: "type",
      title: text.steps.type,
      ready: !!type,
      content: (
        <TypeCards
          types={types.sinks}
          chosen={draft.type}
          onChoose={(name) =>
            set({ type: name, properties: name === draft.type ? properties : {} })
          }
        />
      ),
    },
    {
      id: "query",
      title: text.steps.query,
      ready: !!query.trim() && !!draft.name && !nameFault(draft.name),
      content: (
        <>
          <TextField
            label={connectors.name}
            required
            value={draft.name}
            error={nameFault(draft.name)}
            onChange={(event) => set({ name: event.target.value })}
          />
          <AreaField
            label={connectors.query}
            hint={text.queryHint}
            required
            value={query}
            onChange={(event) => set({ query: event.target.value })}
          />
          <Analysis sql={query} />
        </>
      ),
    },
    {
      id: "connect",
      title: text.steps.connect,
      ready: !Object.keys(wrong).length,
      content: type && (
        <>
          <p className="text-xs text-muted">{text.kept}</p>
          <SchemaForm
            key={type.name}
            schema={type.schema}
            values={properties}
            faults={tried ? wrong : {}}
            onChange={(next) => set({ properties: next })}
            lookup={{
              names: type.suggests,
              find: (property, prefix) => suggest("sinks", target, property, prefix),
            }}
          />
          {type.verbs.includes("check") && <CheckSteps run={() => check("sinks", target)} />}
        </>
      ),
    },
    {
      id: "review",
      title: text.steps.review,
      ready: true,
      content: (
        <>
          <p>{text.review}</p>
          <CodeBlock
            label={`POST ${apiPath("sinks")}`}
            text={`POST ${apiPath("sinks")}\n${JSON.stringify({ ...body, properties: withoutSecrets(properties, secrets(draft.type)) }, null, 2)}`}
          />
          <CheckSteps
            run={() => sendTest(target)}
            label={text.testEvent}
            good={text.testEventSent}
          />
          {error && <Failure error={error} />}
        </>
      ),
    },
  ];
  return (
    <Wizard
      steps={steps}
      at={draft.step}
      onGo={(step) => {
        setTried(false);
        set({ step });
      }}
      onBlocked={() => setTried(true)}
      cancel={() => {
        forget();
        go("/sinks");
      }}
      finish={
        <Button look="primary" busy={busy} onClick={finish}>
          {text.create}
        </Button>
      }
    />
  );
}

/** The columns that a query gives, or what is wrong with it. */
function Analysis({ sql }: { sql: string }) {
  const analysis = useQuery({
    queryKey: ["analyze", sql],
    queryFn: () => call<Schemas["SQLAnalyzeResult"]>("sqlanalyze", { body: { sql } }),
    enabled: !!sql.trim(),
    staleTime: 10_000,
    retry: false,
  });
  if (analysis.error) return <Failure error={analysis.error} />;
  if (!analysis.data) return null;
  const columns = analysis.data.result_columns.map((one) => `${one.column} ${one.column_type}`);
  return <p className="text-muted">{text.analyzed(columns.join(", "))}</p>;
}
