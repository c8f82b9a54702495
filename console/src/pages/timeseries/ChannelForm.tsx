// The form of a new channel, or of the clone of one.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { app } from "@/text/app";
import { timeseries } from "@/text/timeseries";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { AreaField, CheckField, ChoiceField, TextField } from "@/ui/Field";
import { notify } from "@/ui/Toast";
import { channelName } from "./Channels";
import {
  type Channel,
  cloneChannel,
  columnTypesQuery,
  makeChannel,
  type NewChannel,
} from "./calls";
import { useTimeSearch } from "./search";

const text = timeseries.channels;

interface ColumnOf {
  name: string;
  type: string;
  optional: boolean;
}

function object(of: string, what: string): Record<string, unknown> | undefined {
  if (!of.trim()) return undefined;
  try {
    const value: unknown = JSON.parse(of);
    if (value && typeof value === "object" && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {}
  throw new Error(text.badJson(what));
}

export function ChannelForm({ of, onClose }: { of?: Channel; onClose: () => void }) {
  const [, change] = useTimeSearch();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [columns, setColumns] = useState<ColumnOf[]>([
    { name: "value", type: "float", optional: false },
  ]);
  const [tags, setTags] = useState("");
  const [metadata, setMetadata] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const body: NewChannel = { channel_name: name };
      if (!of) {
        const named = columns.filter((column) => column.name.trim());
        body.channel_schema = Object.fromEntries([
          ["time", "datetime"],
          ...named.map((one) => [one.name, one.optional ? `optional[${one.type}]` : one.type]),
        ]);
        body.channel_id = newId();
        body.tags = object(tags, text.tags);
        body.metadata = object(metadata, text.metadata);
      }
      const made = of ? await cloneChannel(of.channel_id, body) : await makeChannel(body);
      await client.invalidateQueries({ queryKey: ["channels"], exact: true });
      notify(text.made(channelName(made)));
      onClose();
      change({ id: made.channel_id }, true);
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide={!of}
      onClose={onClose}
      title={of ? text.cloneOf(channelName(of)) : text.create}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form="channel" busy={busy}>
            {of ? text.clone : app.create}
          </Button>
        </>
      }
    >
      <form id="channel" onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={text.name}
          required
          hint={of && text.cloneWhy}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        {!of && (
          <>
            <ColumnFields columns={columns} set={setColumns} />
            <AreaField
              label={text.tags}
              hint={text.jsonHint}
              rows={2}
              value={tags}
              onChange={(event) => setTags(event.target.value)}
            />
            <AreaField
              label={text.metadata}
              hint={text.jsonHint}
              rows={2}
              value={metadata}
              onChange={(event) => setMetadata(event.target.value)}
            />
          </>
        )}
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}

/** A version 4 UUID; `randomUUID` is there on secure addresses only. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function ColumnFields({
  columns,
  set,
}: {
  columns: ColumnOf[];
  set: (columns: ColumnOf[]) => void;
}) {
  const { data: types = ["float"] } = useQuery(columnTypesQuery);
  const put = (n: number, change: Partial<ColumnOf>) =>
    set(columns.map((old, m) => (m === n ? { ...old, ...change } : old)));
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">{text.columns}</legend>
      <p className="text-xs text-muted">{text.timeWhy}</p>
      {columns.map((column, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: names change while they are typed
        <div key={n} className="flex flex-wrap items-center gap-2">
          <div className="min-w-32 flex-1">
            <TextField
              label={`${text.column} ${n + 1}`}
              bare
              placeholder={text.column}
              value={column.name}
              onChange={(event) => put(n, { name: event.target.value })}
            />
          </div>
          <div className="w-28">
            <ChoiceField
              label={`${text.type} ${n + 1}`}
              bare
              value={column.type}
              choices={types.map((value) => ({ value, label: value }))}
              onChange={(event) => put(n, { type: event.target.value })}
            />
          </div>
          <CheckField
            label={text.optional}
            checked={column.optional}
            onChange={(event) => put(n, { optional: event.target.checked })}
          />
          <IconButton
            icon={X}
            label={text.removeColumn(column.name || String(n + 1))}
            disabled={columns.length === 1}
            onClick={() => set(columns.filter((_, m) => m !== n))}
          />
        </div>
      ))}
      <Button
        icon={Plus}
        className="self-start"
        onClick={() => set([...columns, { name: "", type: "float", optional: false }])}
      >
        {text.addColumn}
      </Button>
    </fieldset>
  );
}
