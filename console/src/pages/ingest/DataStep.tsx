// The first step: a file, a pasted text or a command; how it is written; its first rows.
import { FileUp } from "lucide-react";
import { type DragEvent, useState } from "react";
import { ingest as text } from "@/text/ingest";
import { CodeBlock } from "@/ui/Copy";
import { cx } from "@/ui/cx";
import { Failure } from "@/ui/Failure";
import { AreaField, CheckField, ChoiceField } from "@/ui/Field";
import { bytes, count } from "@/ui/format";
import { Skeleton } from "@/ui/Skeleton";
import { fileCommand, httpCommand } from "./commands";
import type { Format, FormatKind } from "./format";
import { PreviewTable } from "./PreviewTable";
import { type Head, SHOWN_ROWS } from "./protocol";

export type Way = keyof typeof text.ways;

/** What a browser's page reads; larger files go by the command line. */
export const FILE_BYTES_MAX = 200_000_000;

export interface Picked {
  file: Blob;
  name: string;
}

interface Props {
  way: Way;
  onWay: (way: Way) => void;
  picked: Picked | null;
  onPick: (picked: Picked | null) => void;
  pasted: string;
  onPaste: (text: string) => void;
  head: Head | null;
  error: Error | null;
  loading: boolean;
  onFormat: (format: Format) => void;
  stream: string;
}

export function DataStep(props: Props) {
  const { way, onWay, picked, head } = props;
  return (
    <>
      <fieldset className="flex flex-wrap gap-4">
        <legend className="sr-only">{text.way}</legend>
        {(Object.keys(text.ways) as Way[]).map((one) => (
          <label key={one} className="flex min-h-6 items-center gap-2">
            <input
              type="radio"
              name="way"
              checked={way === one}
              onChange={() => onWay(one)}
              className="size-4 accent-(--accent)"
            />
            {text.ways[one]}
          </label>
        ))}
      </fieldset>
      {way === "file" && <Drop {...props} />}
      {way === "paste" && (
        <AreaField
          label={text.paste}
          hint={text.pasteHint}
          rows={8}
          value={props.pasted}
          onChange={(event) => props.onPaste(event.target.value)}
        />
      )}
      {way === "command" && <Commands stream={props.stream} />}
      {way !== "command" && picked && (
        <Parsed {...props} head={head} tooLarge={picked.file.size > FILE_BYTES_MAX} />
      )}
    </>
  );
}

function Drop({ picked, onPick }: Props) {
  const [over, setOver] = useState(false);
  const take = (files: FileList | null) => {
    const file = files?.[0];
    if (file) onPick({ file, name: file.name });
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <label
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      className={cx(
        "flex cursor-pointer flex-col items-center gap-1 rounded-md border border-dashed px-3 py-6 text-center has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-accent",
        over ? "border-accent bg-accent-soft" : "border-edge/70 hover:bg-accent-soft/50",
      )}
    >
      <FileUp aria-hidden size={24} className="text-muted" />
      <span className="font-medium break-all">
        {picked ? `${picked.name} (${bytes(picked.file.size)})` : text.drop}
      </span>
      <span className="text-muted">{text.dropWhy}</span>
      <input
        type="file"
        aria-label={text.choose}
        accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,.log,text/*,application/json"
        onChange={(event) => take(event.target.files)}
        className="sr-only"
      />
    </label>
  );
}

function Commands({ stream }: { stream: string }) {
  return (
    <>
      <p className="text-muted">{text.commandWhy}</p>
      <h3 className="text-xs font-semibold text-muted">{text.commandFile}</h3>
      <CodeBlock text={fileCommand(stream)} label={text.commandFile} />
      <h3 className="text-xs font-semibold text-muted">{text.commandHttp}</h3>
      <CodeBlock text={httpCommand(stream)} label={text.commandHttp} />
    </>
  );
}

function Parsed(props: Props & { tooLarge: boolean }) {
  const { picked, head, error, loading, tooLarge, stream } = props;
  if (!picked) return null;
  if (tooLarge)
    return (
      <>
        <p role="alert">{text.tooLarge(bytes(picked.file.size))}</p>
        <CodeBlock text={fileCommand(stream, picked.name)} label={text.commandFile} />
      </>
    );
  if (error) return <Failure error={error} />;
  if (!head) return loading ? <Skeleton lines={4} /> : null;
  return (
    <>
      <FormatBar format={head.format} onFormat={props.onFormat} />
      {head.rows.length ? (
        <section aria-label={text.preview} className="min-w-0">
          <p className="mb-1 text-xs text-muted">
            {text.shown(Math.min(SHOWN_ROWS, head.rows.length), count(head.rows.length))}
          </p>
          <PreviewTable head={head} />
        </section>
      ) : (
        <p role="alert">{text.empty}</p>
      )}
    </>
  );
}

function FormatBar({ format, onFormat }: { format: Format; onFormat: (format: Format) => void }) {
  const change = (part: Partial<Format>) => onFormat({ ...format, ...part });
  return (
    <div className="flex flex-wrap items-end gap-3">
      <div className="w-48">
        <ChoiceField
          label={text.format}
          value={format.kind}
          choices={Object.entries(text.formats).map(([value, label]) => ({ value, label }))}
          onChange={(event) => change({ kind: event.target.value as FormatKind })}
        />
      </div>
      {format.kind === "csv" && (
        <>
          <div className="w-32">
            <ChoiceField
              label={text.delimiter}
              value={format.delimiter}
              choices={Object.entries(text.delimiters).map(([value, label]) => ({ value, label }))}
              onChange={(event) => change({ delimiter: event.target.value })}
            />
          </div>
          <div className="pb-1">
            <CheckField
              label={text.header}
              checked={format.header}
              onChange={(event) => change({ header: event.target.checked })}
            />
          </div>
        </>
      )}
    </div>
  );
}
