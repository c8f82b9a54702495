// Where the events of a source go: a new stream with columns of the events, or one that fits.
import { useQuery } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useEffect } from "react";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { connectors } from "@/text/connectors";
import { Button, IconButton } from "@/ui/Button";
import { ChoiceField, TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { type Event, infer, match } from "./calls";

const text = connectors.wizard;

export interface Target {
  kind: "new" | "existing";
  name: string;
  columns: { name: string; type: string }[];
}

interface Props {
  target: Target;
  events: Event[];
  onChange: (target: Target) => void;
}

export function TargetStream({ target, events, onChange }: Props) {
  const kinds: [Target["kind"], string][] = [
    ["new", text.newStream],
    ["existing", text.existing],
  ];
  return (
    <>
      <fieldset className="flex flex-wrap gap-4">
        <legend className="sr-only">{text.steps.target}</legend>
        {kinds.map(([kind, label]) => (
          <label key={kind} className="flex items-center gap-2">
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
        <NewStream target={target} events={events} onChange={onChange} />
      ) : (
        <Existing target={target} events={events} onChange={onChange} />
      )}
    </>
  );
}

function NewStream({ target, events, onChange }: Props) {
  const first = events[0];
  const { data } = useQuery({
    queryKey: ["infer", first],
    queryFn: () => infer(first ?? {}),
    enabled: !!first,
    staleTime: Number.POSITIVE_INFINITY,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: when columns come, and none were set
  useEffect(() => {
    if (data && !target.columns.length) onChange({ ...target, columns: data });
  }, [data]);
  const put = (n: number, change: Partial<Target["columns"][number]>) =>
    onChange({
      ...target,
      columns: target.columns.map((old, m) => (m === n ? { ...old, ...change } : old)),
    });
  return (
    <>
      <TextField
        label={connectors.stream}
        required
        value={target.name}
        onChange={(event) => onChange({ ...target, name: event.target.value })}
      />
      <h3 className="text-xs font-semibold text-muted">{text.columns}</h3>
      {!target.columns.length && <p className="text-muted">{text.noColumns}</p>}
      <div className="flex flex-col gap-1">
        {target.columns.map((column, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: names change while they are typed
          <div key={n} className="flex items-center gap-2">
            <div className="flex-1">
              <TextField
                label={`${text.column} ${n + 1}`}
                bare
                value={column.name}
                onChange={(event) => put(n, { name: event.target.value })}
              />
            </div>
            <div className="flex-1">
              <TextField
                label={`${text.columnType} ${n + 1}`}
                bare
                value={column.type}
                onChange={(event) => put(n, { type: event.target.value })}
              />
            </div>
            <IconButton
              icon={X}
              label={text.removeColumn(column.name)}
              onClick={() =>
                onChange({ ...target, columns: target.columns.filter((_, m) => m !== n) })
              }
            />
          </div>
        ))}
      </div>
      <Button
        icon={Plus}
        className="self-start"
        onClick={() =>
          onChange({ ...target, columns: [...target.columns, { name: "", type: "string" }] })
        }
      >
        {text.addColumn}
      </Button>
    </>
  );
}

function Existing({ target, events, onChange }: Props) {
  const streams = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  const fitting = useQuery({
    queryKey: ["match", events],
    queryFn: () => match(events),
    enabled: events.length > 0,
  });
  return (
    <Loaded of={streams}>
      {(all) => (
        <>
          <ChoiceField
            label={connectors.stream}
            required
            value={target.name}
            choices={[
              { value: "", label: "" },
              ...all
                .filter((stream) => !stream.is_external && !stream.name.startsWith("_"))
                .map((stream) => ({ value: stream.name, label: stream.name })),
            ]}
            onChange={(event) => onChange({ ...target, name: event.target.value })}
          />
          {fitting.data && (
            <div>
              <p className="text-muted">
                {fitting.data.length ? text.matching : text.matchingNone}
              </p>
              <div className="flex flex-wrap gap-1">
                {fitting.data.map((name) => (
                  <Button key={name} onClick={() => onChange({ ...target, name })}>
                    {name}
                  </Button>
                ))}
              </div>
            </div>
          )}
        </>
      )}
    </Loaded>
  );
}
