// A new source in five steps: type, connection, preview, stream, review.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { namedOnly } from "@/forms/ColumnList";
import { type ConnectorTypes, connectorTypesQuery } from "@/forms/connectors";
import { createStreamSql, type StreamBody } from "@/forms/sql";
import type { Event } from "@/forms/typical";
import type { Step } from "@/forms/Wizard";
import { connectors } from "@/text/connectors";
import { CodeBlock } from "@/ui/Copy";
import { TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { nameFault } from "./calls";
import { streamNameOf } from "./naming";
import { Preview } from "./Preview";
import { type Target, TargetStream } from "./TargetStream";
import {
  ConnectorWizard,
  connectStep,
  type Draft,
  nameError,
  Sent,
  typeStep,
  useWiz,
} from "./wizard";

const text = connectors.wizard;
const NOWHERE: Target = { kind: "new", name: "", columns: [], eventTime: "" };

interface SourceDraft extends Draft {
  target: Target;
  /** Names that were not typed: they follow the connection. */
  suggested: string[];
}

const EMPTY: SourceDraft = {
  step: "type",
  type: "",
  properties: {},
  name: "",
  target: NOWHERE,
  suggested: [],
};

export default function SourceWizard() {
  const types = useQuery(connectorTypesQuery);
  return (
    <Page title={connectors.sources.create}>
      <Loaded of={types}>{(all) => <Steps types={all} />}</Loaded>
    </Page>
  );
}

/** A column whose name is left empty is none. */
function streamBody({ name, columns, eventTime }: Target): StreamBody {
  const named = namedOnly(columns);
  const timed = named.some((column) => column.name === eventTime);
  return { name, columns: named, ...(timed && { event_time_column: eventTime }) };
}

const isReady = ({ name, target }: SourceDraft): boolean =>
  !!name &&
  !nameFault(name) &&
  !!target.name &&
  (target.kind === "existing" || (!nameFault(target.name) && namedOnly(target.columns).length > 0));

function Steps({ types }: { types: ConnectorTypes }) {
  const wiz = useWiz("sources", types, EMPTY);
  const [events, setEvents] = useState<Event[]>([]);
  const { draft, set, tried } = wiz;
  const { properties, target } = draft;
  const connection = { type: draft.type, properties };
  // Other events have other columns: those of a new stream are taken from them again.
  const forget = () => {
    setEvents([]);
    set({ target: { ...target, columns: target.kind === "new" ? [] : target.columns } });
  };
  const suggestNames = () => {
    const base = streamNameOf(draft.type, properties);
    const kind = base === draft.type ? "source" : draft.type;
    const own = wiz.free(`${base}_${kind}`.slice(0, 64));
    const untouched = (name: string) => !name || draft.suggested.includes(name);
    const follows = target.kind === "new" && untouched(target.name);
    set({
      name: untouched(draft.name) ? own : draft.name,
      target: follows ? { ...target, name: base } : target,
      suggested: [own, base],
    });
  };
  const steps: Step[] = [
    typeStep(wiz, () => {
      setEvents([]);
      return { target: NOWHERE };
    }),
    connectStep(wiz, connection, () => events.length > 0 && forget()),
    {
      id: "preview",
      title: text.steps.preview,
      ready: true,
      content: (
        <Preview
          {...connection}
          schema={wiz.type?.schema}
          events={events}
          onEvents={setEvents}
          onDecode={(data_type) => {
            set({ properties: { ...properties, data_type } });
            forget();
          }}
        />
      ),
    },
    {
      id: "target",
      title: text.steps.target,
      ready: isReady(draft),
      content: (
        <>
          <div className="max-w-md">
            <TextField
              label={connectors.name}
              required
              value={draft.name}
              error={nameError(draft.name, tried)}
              onChange={(event) => set({ name: event.target.value })}
            />
          </div>
          <TargetStream
            target={target}
            events={events}
            tried={tried}
            onChange={(next) => set({ target: next })}
          />
        </>
      ),
    },
  ];
  const isNew = target.kind === "new";
  return (
    <ConnectorWizard
      wiz={wiz}
      steps={steps}
      first={
        isNew && (
          <>
            <p>{text.before}</p>
            <Sent path="streams" body={streamBody(target)} />
            <p>{text.sqlStream}</p>
            <CodeBlock label={text.sqlStream} text={createStreamSql(streamBody(target))} />
          </>
        )
      }
      body={(shown) => ({
        name: draft.name,
        stream: target.name,
        type: draft.type,
        properties: shown,
      })}
      before={async () => {
        if (!isNew) return;
        await call<Stream>("streams", { body: streamBody(target) });
        // When the source itself fails, the stream is there already.
        set({ target: { ...target, kind: "existing" } });
      }}
      land={(made) => `/sources/${encodeURIComponent(made.id)}?tab=live`}
      onStep={(step) => step === "target" && suggestNames()}
    />
  );
}
