// A new source in five steps: type, connection, preview, stream, review.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { useGo } from "@/app/go";
import { apiPath } from "@/app/place";
import { CheckSteps } from "@/forms/CheckSteps";
import { type ConnectorTypes, check, connectorTypesQuery, suggest } from "@/forms/connectors";
import { useDraft } from "@/forms/draft";
import { SchemaForm } from "@/forms/SchemaForm";
import { faults, type Values, withoutSecrets } from "@/forms/schema";
import { TypeCards } from "@/forms/TypeCards";
import { Wizard } from "@/forms/Wizard";
import { connectors } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { create, type Event, nameFault } from "./calls";
import { Preview } from "./Preview";
import { type Target, TargetStream } from "./TargetStream";

const text = connectors.wizard;

interface Draft {
  step: string;
  type: string;
  properties: Values;
  name: string;
  target: Target;
}

const EMPTY: Draft = {
  step: "type",
  type: "",
  properties: {},
  name: "",
  target: { kind: "new", name: "", columns: [] },
};

export default function SourceWizard() {
  const types = useQuery(connectorTypesQuery);
  return (
    <Page title={connectors.sources.create}>
      <Loaded of={types}>{(all) => <Steps types={all} />}</Loaded>
    </Page>
  );
}

/** Named types only: a column whose name is left empty is none. */
function streamBody({ name, columns }: Target): { name: string; columns: Target["columns"] } {
  return { name, columns: columns.filter((column) => column.name.trim()) };
}

function Steps({ types }: { types: ConnectorTypes }) {
  const go = useGo();
  const client = useQueryClient();
  const clean = (draft: Draft): Draft => ({
    ...draft,
    properties: withoutSecrets(
      draft.properties,
      types.sources.find((one) => one.name === draft.type)?.secrets ?? [],
    ),
  });
  const [draft, set, forget] = useDraft("source", EMPTY, clean);
  const [events, setEvents] = useState<Event[]>([]);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const { properties, target } = draft;
  const type = types.sources.find((one) => one.name === draft.type);
  const wrong = type ? faults(type.schema, properties) : {};
  const connection = { type: draft.type, properties };
  const source = { name: draft.name, stream: target.name, type: draft.type, properties };
  const finish = async () => {
    setBusy(true);
    setError(null);
    try {
      if (target.kind === "new") await call<Stream>("streams", { body: streamBody(target) });
      set({ target: { ...target, kind: "existing" } });
      const made = await create("sources", source);
      await client.invalidateQueries();
      notify(connectors.sources.made(made.name));
      forget();
      go(`/query?sql=${encodeURIComponent(`SELECT * FROM ${target.name}`)}&run=true`);
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
          types={types.sources}
          chosen={draft.type}
          onChoose={(name) => {
            set({ type: name, properties: name === draft.type ? properties : {} });
            setEvents([]);
          }}
        />
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
              find: (property, prefix) => suggest("sources", connection, property, prefix),
            }}
          />
          {type.verbs.includes("check") && <CheckSteps run={() => check("sources", connection)} />}
        </>
      ),
    },
    {
      id: "preview",
      title: text.steps.preview,
      ready: true,
      content: <Preview {...connection} events={events} onEvents={setEvents} />,
    },
    {
      id: "target",
      title: text.steps.target,
      ready:
        !!target.name &&
        !!draft.name &&
        !nameFault(draft.name) &&
        (target.kind === "existing" || target.columns.length > 0),
      content: (
        <>
          <TextField
            label={connectors.name}
            required
            value={draft.name}
            error={nameFault(draft.name)}
            onChange={(event) => set({ name: event.target.value })}
          />
          <TargetStream
            target={target}
            events={events}
            onChange={(next) => set({ target: next })}
          />
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
          {target.kind === "new" && (
            <CodeBlock
              label={`POST ${apiPath("streams")}`}
              text={`POST ${apiPath("streams")}\n${JSON.stringify(streamBody(target), null, 2)}`}
            />
          )}
          <CodeBlock
            label={`POST ${apiPath("sources")}`}
            text={`POST ${apiPath("sources")}\n${JSON.stringify({ ...source, properties: withoutSecrets(properties, type?.secrets ?? []) }, null, 2)}`}
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
        go("/sources");
      }}
      finish={
        <Button look="primary" busy={busy} onClick={finish}>
          {text.create}
        </Button>
      }
    />
  );
}
