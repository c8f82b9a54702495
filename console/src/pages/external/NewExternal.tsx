// A new external stream or table: type, connection, columns (of a stream), review.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useGo } from "@/app/go";
import { apiPath } from "@/app/place";
import { ColumnList, type NamedColumn, namedOnly } from "@/forms/ColumnList";
import { type ConnectorTypes, connectorTypesQuery } from "@/forms/connectors";
import { useDraft } from "@/forms/draft";
import { SchemaForm } from "@/forms/SchemaForm";
import { faults, type Values, withoutSecrets } from "@/forms/schema";
import { TypeCards } from "@/forms/TypeCards";
import { Wizard } from "@/forms/Wizard";
import { connectors } from "@/text/connectors";
import { external as text } from "@/text/external";
import { forms } from "@/text/forms";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { createExternal, type Kind, settingsOf } from "./calls";
import { Messages } from "./Messages";

interface Draft {
  step: string;
  kind: Kind;
  type: string;
  name: string;
  description: string;
  values: Values;
  columns: NamedColumn[];
}

const EMPTY: Draft = {
  step: "type",
  kind: "streams",
  type: "",
  name: "",
  description: "",
  values: {},
  columns: [{ name: "raw", type: "string" }],
};

export default function NewExternal() {
  const types = useQuery(connectorTypesQuery);
  return (
    <Page title={text.create}>
      <Loaded of={types}>{(all) => <Steps types={all} />}</Loaded>
    </Page>
  );
}

function bodyOf(draft: Draft, values: Values): object {
  const { name, description, kind, type, columns } = draft;
  return {
    name,
    ...(description && { description }),
    ...(kind === "streams" && { columns: namedOnly(columns) }),
    settings: settingsOf(type, values),
  };
}

function Steps({ types }: { types: ConnectorTypes }) {
  const go = useGo();
  const client = useQueryClient();
  const typeOf = (kind: Kind, name: string) =>
    (kind === "streams" ? types.external_streams : types.external_tables).find(
      (one) => one.name === name,
    );
  const clean = (draft: Draft): Draft => ({
    ...draft,
    values: withoutSecrets(draft.values, typeOf(draft.kind, draft.type)?.secrets ?? []),
  });
  const [draft, set, forget] = useDraft("external", EMPTY, clean);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const { kind, values, columns } = draft;
  const type = typeOf(kind, draft.type);
  const wrong = type ? faults(type.schema, values) : {};
  const choose = (chosen: Kind, name: string) => {
    const same = chosen === kind && name === draft.type;
    set({ kind: chosen, type: name, values: same ? values : {} });
  };
  const finish = async () => {
    setBusy(true);
    setError(null);
    try {
      await createExternal(kind, bodyOf(draft, values));
      await client.invalidateQueries();
      notify(text.made(draft.name));
      forget();
      go(`/external/${kind}/${encodeURIComponent(draft.name)}`);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const columnsStep = {
    id: "columns",
    title: text.steps.columns,
    ready: columns.some((column) => column.name.trim()),
    content: type && (
      <>
        {type.verbs.includes("preview") && (
          <Messages
            settings={settingsOf(draft.type, values)}
            onColumns={(found) => set({ columns: found })}
          />
        )}
        <ColumnList
          columns={columns}
          hint={text.columnsHint}
          onChange={(next) => set({ columns: next })}
        />
      </>
    ),
  };
  const steps = [
    {
      id: "type",
      title: text.steps.type,
      ready: !!type,
      content: (
        <>
          <h3 className="text-xs font-semibold text-muted">{text.streamTypes}</h3>
          <TypeCards
            types={types.external_streams}
            chosen={kind === "streams" ? draft.type : ""}
            onChoose={(name) => choose("streams", name)}
          />
          <h3 className="text-xs font-semibold text-muted">{text.tableTypes}</h3>
          <TypeCards
            types={types.external_tables}
            chosen={kind === "tables" ? draft.type : ""}
            onChoose={(name) => choose("tables", name)}
          />
        </>
      ),
    },
    {
      id: "connect",
      title: text.steps.connect,
      ready: !!draft.name && !Object.keys(wrong).length,
      content: type && (
        <>
          <p className="text-xs text-muted">{connectors.wizard.kept}</p>
          <TextField
            label={text.name}
            required
            value={draft.name}
            error={tried && !draft.name ? forms.required : undefined}
            onChange={(event) => set({ name: event.target.value })}
          />
          <SchemaForm
            key={`${kind} ${type.name}`}
            schema={type.schema}
            values={values}
            faults={tried ? wrong : {}}
            onChange={(next) => set({ values: next })}
          />
          <TextField
            label={text.description}
            value={draft.description}
            onChange={(event) => set({ description: event.target.value })}
          />
        </>
      ),
    },
    ...(kind === "streams" ? [columnsStep] : []),
    {
      id: "review",
      title: text.steps.review,
      ready: true,
      content: (
        <>
          <p>{text.review}</p>
          <CodeBlock
            label={`POST ${apiPath(`external_${kind}`)}`}
            text={`POST ${apiPath(`external_${kind}`)}\n${JSON.stringify(bodyOf(draft, withoutSecrets(values, type?.secrets ?? [])), null, 2)}`}
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
        go("/external");
      }}
      finish={
        <Button look="primary" busy={busy} onClick={finish}>
          {text.finish}
        </Button>
      }
    />
  );
}
