// The second step: into which stream, as which columns, with which event time and key.
import { useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { ingest as text } from "@/text/ingest";
import { Button } from "@/ui/Button";
import { ChoiceField, TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { match } from "./calls";
import { MappingTable } from "./MappingTable";
import {
  eventsOf,
  type FileColumn,
  forExisting,
  forNew,
  type Into,
  mappingFault,
  streamColumns,
  timeColumns,
} from "./mapping";
import { PreviewTable } from "./PreviewTable";
import type { Head } from "./protocol";
import { isTimeType } from "./types";

interface Props {
  head: Head;
  columns: FileColumn[];
  into: Into;
  onChange: (change: Partial<Into>) => void;
  tried: boolean;
}

const ZONES = (): string[] => [
  ...new Set([
    "UTC",
    Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...Intl.supportedValuesOf("timeZone"),
  ]),
];

/** Streams that take rows: those of their own. */
const writable = (stream: Stream): boolean =>
  !stream.is_external && !stream.name.startsWith("_") && stream.columns.length > 0;

export function StreamStep({ head, columns, into, onChange, tried }: Props) {
  const fault = mappingFault(into.mapped);
  const csv = head.format.kind === "csv";
  const kinds: [Into["kind"], string][] = [
    ["new", text.intoNew],
    ["existing", text.intoExisting],
  ];
  return (
    <>
      <fieldset className="flex flex-wrap gap-4">
        <legend className="sr-only">{text.into}</legend>
        {kinds.map(([kind, label]) => (
          <label key={kind} className="flex min-h-6 items-center gap-2">
            <input
              type="radio"
              name="into"
              checked={into.kind === kind}
              onChange={() =>
                onChange({
                  kind,
                  name: "",
                  mapped: kind === "new" ? forNew(columns, csv) : [],
                  eventTime: "",
                })
              }
              className="size-4 accent-(--accent)"
            />
            {label}
          </label>
        ))}
      </fieldset>
      {into.kind === "new" ? (
        <New into={into} onChange={onChange} tried={tried} />
      ) : (
        <Existing head={head} columns={columns} into={into} onChange={onChange} tried={tried} />
      )}
      {into.mapped.length > 0 && (
        <>
          <MappingTable head={head} columns={columns} into={into} onChange={onChange} />
          {tried && fault && (
            <p role="alert" className="text-xs text-bad">
              {text.faults[fault]}
            </p>
          )}
          <section aria-label={text.preview} className="min-w-0">
            <h3 className="mb-1 text-xs font-semibold text-muted">{text.preview}</h3>
            <PreviewTable head={head} mapped={into.mapped} />
          </section>
        </>
      )}
    </>
  );
}

type Part = Pick<Props, "into" | "onChange" | "tried">;

function New({ into, onChange, tried }: Part) {
  const times = timeColumns(into.mapped);
  const names = into.mapped.filter((one) => one.name).map((one) => one.name);
  const asChoice = (name: string) => ({ value: name, label: name });
  return (
    <>
      <div className="max-w-md">
        <TextField
          label={text.stream}
          required
          value={into.name}
          error={tried && !into.name ? text.needName : undefined}
          onChange={(event) => onChange({ name: event.target.value })}
        />
      </div>
      <div className="grid gap-3 sm:grid-cols-3">
        <ChoiceField
          label={text.eventTime}
          value={into.eventTime}
          choices={[{ value: "", label: text.eventTimeNone }, ...times.map(asChoice)]}
          onChange={(event) => onChange({ eventTime: event.target.value })}
        />
        {into.mapped.some((one) => isTimeType(one.type)) && (
          <ChoiceField
            label={text.zone}
            value={into.zone}
            choices={ZONES().map(asChoice)}
            onChange={(event) => onChange({ zone: event.target.value })}
          />
        )}
        <ChoiceField
          label={text.key}
          hint={text.keyHint}
          value={into.key}
          choices={[{ value: "", label: text.keyNone }, ...names.map(asChoice)]}
          onChange={(event) => onChange({ key: event.target.value })}
        />
      </div>
    </>
  );
}

function Existing({ head, columns, into, onChange, tried }: Omit<Props, "onStream">) {
  const streams = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  const events = eventsOf(head.rows, columns);
  const fitting = useQuery({
    queryKey: ["match", head.names, head.rows.length, events[0]],
    queryFn: () => match(events),
    enabled: events.length > 0,
  });
  return (
    <Loaded of={streams}>
      {(all) => {
        const choose = (name: string) => {
          const stream = all.find((one) => one.name === name);
          onChange({ name, mapped: stream ? forExisting(columns, streamColumns(stream)) : [] });
        };
        const own = all.filter(writable).map((one) => one.name);
        const first = fitting.data?.filter((name) => own.includes(name)) ?? [];
        return (
          <div className="flex flex-col gap-2">
            <div className="max-w-md">
              <ChoiceField
                label={text.stream}
                required
                value={into.name}
                error={tried && !into.name ? text.needName : undefined}
                choices={[
                  { value: "", label: "" },
                  ...[...first, ...own.filter((name) => !first.includes(name))].map((name) => ({
                    value: name,
                    label: name,
                  })),
                ]}
                onChange={(event) => choose(event.target.value)}
              />
            </div>
            {fitting.data && (
              <div className="flex flex-wrap items-center gap-1">
                <span className="text-muted">
                  {first.length ? text.matching : text.matchingNone}
                </span>
                {first.map((name) => (
                  <Button key={name} onClick={() => choose(name)}>
                    {name}
                  </Button>
                ))}
              </div>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}
