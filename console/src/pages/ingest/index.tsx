// A file into a stream in three steps: the data, the stream and its columns, the sending.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Stream } from "@/api/types";
import { useGo } from "@/app/go";
import type { NamedColumn } from "@/forms/ColumnList";
import { infer } from "@/forms/events";
import { Wizard } from "@/forms/Wizard";
import { app } from "@/text/app";
import { ingest as text } from "@/text/ingest";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { count } from "@/ui/format";
import { Page } from "@/ui/Page";
import { createStream } from "./calls";
import { DataStep, FILE_BYTES_MAX, type Picked, type Way } from "./DataStep";
import { headOf } from "./file";
import type { Format } from "./format";
import {
  badCell,
  fileColumns,
  forExisting,
  forNew,
  type Into,
  inZone,
  mappingFault,
  planOf,
  streamColumns,
  timeColumns,
} from "./mapping";
import type { Head } from "./protocol";
import { SendStep } from "./SendStep";
import { StreamStep } from "./StreamStep";
import { startSending, useSending } from "./sendings";
import { columnName } from "./types";

// Text that is typed is looked at when the typing pauses.
const PASTE_MS = 400;

interface IngestSearch {
  stream?: string;
  /** A file that is being sent, or was, in this browser tab. */
  sending?: string;
}

const NOWHERE: Into = {
  kind: "new",
  name: "",
  mapped: [],
  eventTime: "",
  zone: "UTC",
  key: "",
};

export default function Ingest() {
  const may = useMay();
  const [round, setRound] = useState(0);
  const { sending: id = "", stream } = useSearch({ strict: false }) as IngestSearch;
  const sending = useSending(id);
  const navigate = useNavigate();
  const show = (search: IngestSearch) => void navigate({ to: "/ingest", search });
  return (
    <Page title={text.title}>
      {sending ? (
        <SendStep
          sending={sending}
          onAnother={() => {
            setRound(round + 1);
            show(stream ? { stream } : {});
          }}
        />
      ) : may("write:stream") ? (
        <Steps
          key={`${round} ${id}`}
          wanted={stream ?? ""}
          onSend={(next) => show({ sending: next, ...(stream && { stream }) })}
        />
      ) : (
        <p>{text.mayNot}</p>
      )}
    </Page>
  );
}

/** The head of what was picked, anew for each format. */
function useHead(picked: Picked | null, format: Format | null) {
  return useQuery({
    queryKey: ["ingest", "head", picked, format],
    // A file is no JSON: each choice is a key of its own by its place and time.
    queryKeyHashFn: () =>
      picked ? `${idOf(picked.file)} ${JSON.stringify(format)}` : "ingest nothing",
    queryFn: async () => headOf((picked as Picked).file, format ?? undefined),
    enabled: !!picked && picked.file.size <= FILE_BYTES_MAX,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    placeholderData: (old, query) =>
      query && picked && query.queryHash.startsWith(`${idOf(picked.file)} `) ? old : undefined,
  });
}

const ids = new WeakMap<Blob, string>();
let lastId = 0;

function idOf(file: Blob): string {
  let id = ids.get(file);
  if (!id) {
    lastId += 1;
    id = `ingest-${lastId}`;
    ids.set(file, id);
  }
  return id;
}

const NONE_INFERRED: NamedColumn[] = [];

/** The server's types for JSON; a CSV's are guessed here. */
function useInferred(head: Head | undefined) {
  const json = !!head && head.format.kind !== "csv" && head.names.length > 0;
  const events = useMemo(
    () => (head && json ? head.rows.flatMap((row) => (row.event ? [row.event] : [])) : []),
    [head, json],
  );
  const { data, error } = useQuery({
    queryKey: ["infer", events],
    queryFn: () => infer(events),
    enabled: json,
  });
  return { inferred: json ? data : NONE_INFERRED, inferError: error as Error | null };
}

function Steps({ wanted, onSend }: { wanted: string; onSend: (id: string) => void }) {
  const go = useGo();
  const client = useQueryClient();
  const [step, setStep] = useState("data");
  const [way, setWay] = useState<Way>("file");
  const [file, setFile] = useState<Picked | null>(null);
  const [pasted, setPasted] = useState("");
  const [written, setWritten] = useState<Picked | null>(null);
  const [format, setFormat] = useState<Format | null>(null);
  const [into, setInto] = useState<Into>(NOWHERE);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => {
      setFormat(null);
      setWritten(pasted.trim() ? { file: new Blob([pasted]), name: text.pasted } : null);
    }, PASTE_MS);
    return () => clearTimeout(timer);
  }, [pasted]);
  const picked = way === "file" ? file : way === "paste" ? written : null;
  const found = useHead(picked, format);
  const head = picked ? found.data : undefined;
  const { inferred, inferError } = useInferred(head);
  const columns = useMemo(
    () => (head && inferred ? fileColumns(head, inferred) : []),
    [head, inferred],
  );
  const change = (part: Partial<Into>) => setInto((old) => ({ ...old, ...part }));
  const streams = useQuery({
    queryKey: ["streams"],
    queryFn: () => call<Stream[]>("streams"),
    enabled: !!wanted,
  });
  const given = streams.data?.find((one) => one.name === wanted);
  // Another file, or another way to read it: its columns are guessed anew.
  useEffect(() => {
    if (!head || !columns.length) return;
    const csv = head.format.kind === "csv";
    const fresh: Into = given
      ? {
          ...NOWHERE,
          kind: "existing",
          name: given.name,
          mapped: forExisting(columns, streamColumns(given)),
        }
      : { ...NOWHERE, mapped: forNew(columns, csv) };
    setInto((old) => ({
      ...fresh,
      name: given ? given.name : (old.kind === "new" && old.name) || streamName(picked?.name ?? ""),
      eventTime: given ? "" : (timeColumns(fresh.mapped).find((name) => isSure(fresh, name)) ?? ""),
    }));
  }, [head, columns, given, picked?.name]);
  const fault = mappingFault(into.mapped);
  const bad = head?.rows.filter((row) => row.fault || into.mapped.some((one) => badCell(row, one)));
  const submit = async () => {
    if (!head || !picked) return;
    setBusy(true);
    setError(null);
    try {
      const mapped = zoned(into);
      if (into.kind === "new") await createStream(streamBody({ ...into, mapped }));
      await client.invalidateQueries({ queryKey: ["streams"] });
      const plan = planOf(head.format.kind === "csv", mapped);
      const { format, names } = head;
      onSend(startSending({ ...picked, format, plan, stream: into.name, names }));
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const steps = [
    {
      id: "data",
      title: text.steps.data,
      ready: way !== "command" && !!head?.rows.length && columns.length > 0,
      content: (
        <DataStep
          way={way}
          onWay={(next) => {
            setWay(next);
            setFormat(null);
          }}
          picked={picked}
          onPick={(next) => {
            setFile(next);
            setFormat(null);
          }}
          pasted={pasted}
          onPaste={setPasted}
          head={head ?? null}
          error={(found.error as Error | null) ?? inferError}
          loading={found.isFetching}
          onFormat={setFormat}
          stream={wanted}
        />
      ),
    },
    {
      id: "stream",
      title: text.steps.stream,
      ready: !!into.name && !fault,
      content: head && (
        <StreamStep head={head} columns={columns} into={into} onChange={change} tried={tried} />
      ),
    },
    {
      id: "send",
      title: text.steps.send,
      ready: true,
      content: head && picked && (
        <>
          <p>
            {text.ready(head.whole ? `${count(head.rows.length)} rows` : picked.name, into.name)}
          </p>
          {!!bad?.length && <p className="text-warn">{text.badFound(bad.length)}</p>}
          <p className="text-muted">{text.readyRest}</p>
          {error && <Failure error={error} />}
        </>
      ),
    },
  ];
  return (
    <Wizard
      steps={steps}
      at={step}
      onGo={(next) => {
        setTried(false);
        setStep(next);
      }}
      onBlocked={() => setTried(true)}
      cancel={() => go(wanted ? `/streams/${encodeURIComponent(wanted)}` : "/streams")}
      finish={
        <Button look="primary" busy={busy} onClick={submit}>
          {busy ? app.loading : text.send}
        </Button>
      }
    />
  );
}

/** The file's name without its ending, as a stream can be called; a pasted text has none. */
const streamName = (file: string): string =>
  file === text.pasted ? "" : columnName(file.replace(/\.\w+$/, ""), 0, new Set()).toLowerCase();

/** A time that is never empty can be the event time. */
const isSure = (into: Into, name: string): boolean =>
  into.mapped.some((one) => one.name === name && /^datetime/.test(one.type));

function zoned(into: Into): Into["mapped"] {
  if (into.kind !== "new") return into.mapped;
  return into.mapped.map((one) => ({ ...one, type: inZone(one.type, into.zone) }));
}

function streamBody(into: Into): object {
  return {
    name: into.name,
    columns: into.mapped
      .filter((one) => one.name)
      .map(({ name, type }) => ({ name: name.trim(), type: type.trim() })),
    ...(timeColumns(into.mapped).includes(into.eventTime) && { event_time_column: into.eventTime }),
    ...(into.key && { mode: "versioned_kv", primary_key: into.key }),
  };
}
