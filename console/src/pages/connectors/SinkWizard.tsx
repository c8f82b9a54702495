// A new sink in four steps: type, query, connection, review.

import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { SqlField } from "@/editor/SqlField";
import { Analysis } from "@/forms/Analysis";
import { CheckSteps } from "@/forms/CheckSteps";
import { type ConnectorTypes, connectorTypesQuery, sendTest } from "@/forms/connectors";
import type { Step } from "@/forms/Wizard";
import { connectors } from "@/text/connectors";
import { CodeBlock } from "@/ui/Copy";
import { TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { nameFault } from "./calls";
import { RowsOf } from "./RowsOf";
import { ConnectorWizard, connectStep, type Draft, nameError, typeStep, useWiz } from "./wizard";

const text = connectors.wizard;

interface SinkDraft extends Draft {
  query: string;
}

const EMPTY: SinkDraft = { step: "type", type: "", properties: {}, name: "", query: "" };

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
  const wiz = useWiz("sinks", types, sql ? { ...EMPTY, query: sql } : EMPTY, !!sql);
  const { draft, set, tried } = wiz;
  const { name, query, properties } = draft;
  const target = { type: draft.type, properties, query };
  const steps: Step[] = [
    typeStep(wiz, () => ({ name: name.startsWith(`${draft.type}_sink`) ? "" : name })),
    {
      id: "query",
      title: text.steps.query,
      ready: !!query.trim() && !!name && !nameFault(name),
      content: (
        <>
          <div className="max-w-md">
            <TextField
              label={connectors.name}
              required
              value={name}
              error={nameError(name, tried)}
              onChange={(event) => set({ name: event.target.value })}
            />
          </div>
          <RowsOf query={query} onQuery={(next) => set({ query: next })} />
          <SqlField
            label={connectors.query}
            hint={text.queryHint}
            required
            value={query}
            onChange={(next) => set({ query: next })}
          />
          <Analysis sql={query} boundedWhy={text.bounded} />
        </>
      ),
    },
    connectStep(wiz, target),
  ];
  return (
    <ConnectorWizard
      wiz={wiz}
      steps={steps}
      review={
        <>
          <p>{text.sqlQuery}</p>
          <CodeBlock label={text.sqlQuery} text={query} />
          <CheckSteps
            run={() => sendTest(target)}
            label={text.testEvent}
            good={text.testEventSent}
          />
        </>
      }
      body={(shown) => ({ name, type: draft.type, query, properties: shown })}
      land={(made) => `/sinks/${encodeURIComponent(made.id)}`}
      onStep={(step) => step === "query" && !name && set({ name: wiz.free(`${draft.type}_sink`) })}
    />
  );
}
