// The second step: into which stream, as which columns, with which event time and key.
import { ExistingStream } from "@/forms/ExistingStream";
import { ingest as text } from "@/text/ingest";
import { ChoiceField, TextField } from "@/ui/Field";
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

function Existing({ head, columns, into, onChange, tried }: Props) {
  return (
    <ExistingStream
      value={into.name}
      events={eventsOf(head.rows, columns)}
      error={tried && !into.name ? text.needName : undefined}
      onChoose={(name, stream) =>
        onChange({ name, mapped: stream ? forExisting(columns, streamColumns(stream)) : [] })
      }
    />
  );
}
