// Messages of an external stream before it exists; columns can be taken from one.
import { Eye } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { NamedColumn } from "@/forms/ColumnList";
import { infer } from "@/forms/events";
import { contentOf, rawOf } from "@/forms/typical";
import { app } from "@/text/app";
import { external as text } from "@/text/external";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { ChoiceField } from "@/ui/Field";
import { type Event, previewExternal, type Setting } from "./calls";

interface Props {
  settings: Setting[];
  onColumns: (columns: NamedColumn[]) => void;
}

export function Messages({ settings, onColumns }: Props) {
  const [offset, setOffset] = useState("earliest");
  const [busy, setBusy] = useState(false);
  const [events, setEvents] = useState<Event[] | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  const go = async () => {
    const mine = new AbortController();
    control.current = mine;
    setBusy(true);
    setError(null);
    setEvents(null);
    try {
      setEvents(await previewExternal(settings, offset, mine.signal));
    } catch (reason) {
      if (!mine.signal.aborted) setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const take = async () => {
    try {
      onColumns(await infer((events ?? []).map(contentOf)));
    } catch (reason) {
      setError(reason as Error);
    }
  };
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <p className="text-muted">{text.previewWhy}</p>
      <div className="flex flex-wrap items-end gap-2">
        <div className="w-44">
          <ChoiceField
            label={text.previewFrom}
            value={offset}
            choices={Object.entries(text.previewOffsets).map(([value, label]) => ({
              value,
              label,
            }))}
            onChange={(event) => setOffset(event.target.value)}
          />
        </div>
        <Button icon={Eye} busy={busy} onClick={go}>
          {text.preview}
        </Button>
        {busy && <Button onClick={() => control.current?.abort()}>{app.cancel}</Button>}
      </div>
      {error && <Failure error={error} />}
      {events?.length === 0 && <p>{text.previewNone}</p>}
      {!!events?.length && (
        <>
          <pre
            tabIndex={0}
            role="region"
            aria-label={text.preview}
            className="max-h-72 overflow-auto rounded-md border border-line bg-page p-2 font-mono text-xs"
          >
            {events.map(rawOf).join("\n")}
          </pre>
          <div>
            <Button onClick={take}>{text.takeColumns}</Button>
          </div>
        </>
      )}
    </div>
  );
}
