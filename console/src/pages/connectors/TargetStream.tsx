// Where the events of a source go: a new stream with columns of the events, or one that fits.
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { ColumnList, type NamedColumn } from "@/forms/ColumnList";
import { ExistingStream } from "@/forms/ExistingStream";
import { infer } from "@/forms/events";
import type { Event } from "@/forms/typical";
import { connectors } from "@/text/connectors";
import { ChoiceField, TextField } from "@/ui/Field";
import { nameError } from "./wizard";

const text = connectors.wizard;

export interface Target {
  kind: "new" | "existing";
  name: string;
  columns: NamedColumn[];
  eventTime: string;
}

interface Props {
  target: Target;
  events: Event[];
  tried: boolean;
  onChange: (target: Target) => void;
}

export function TargetStream({ target, events, tried, onChange }: Props) {
  const kinds: [Target["kind"], string][] = [
    ["new", text.newStream],
    ["existing", text.existing],
  ];
  return (
    <>
      <fieldset className="flex flex-wrap gap-4">
        <legend className="sr-only">{text.steps.target}</legend>
        {kinds.map(([kind, label]) => (
          <label key={kind} className="flex min-h-6 items-center gap-2">
            <input
              type="radio"
              name="target"
              checked={target.kind === kind}
              onChange={() => onChange({ ...target, kind, name: "" })}
              className="size-4 accent-(--accent)"
            />
            {label}
          </label>
        ))}
      </fieldset>
      {target.kind === "new" ? (
        <NewStream target={target} events={events} tried={tried} onChange={onChange} />
      ) : (
        <ExistingStream
          value={target.name}
          events={events}
          error={tried && !target.name ? text.needName : undefined}
          onChoose={(name) => onChange({ ...target, name })}
        />
      )}
    </>
  );
}

function NewStream({ target, events, tried, onChange }: Props) {
  const { data } = useQuery({
    queryKey: ["infer", events],
    queryFn: () => infer(events),
    enabled: events.length > 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: when columns come, and none were set
  useEffect(() => {
    if (data && !target.columns.length) onChange({ ...target, columns: data });
  }, [data]);
  const times = target.columns.filter((column) => /^date/.test(column.type) && column.name);
  return (
    <>
      <div className="max-w-md">
        <TextField
          label={connectors.stream}
          required
          value={target.name}
          error={nameError(target.name, tried)}
          onChange={(event) => onChange({ ...target, name: event.target.value })}
        />
      </div>
      {!target.columns.length && <p className="text-muted">{text.noColumns}</p>}
      <div className="max-w-3xl">
        <ColumnList
          least={0}
          columns={target.columns}
          onChange={(columns) => onChange({ ...target, columns })}
        />
      </div>
      {times.length > 0 && (
        <div className="max-w-md">
          <ChoiceField
            label={text.eventTime}
            value={target.eventTime}
            choices={[
              { value: "", label: text.eventTimeNone },
              ...times.map(({ name }) => ({ value: name, label: name })),
            ]}
            onChange={(event) => onChange({ ...target, eventTime: event.target.value })}
          />
        </div>
      )}
    </>
  );
}
