// Events of a source before it exists, raw and as columns; nothing is stored.
import { Eye } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Schema, Values } from "@/forms/schema";
import { type Event, isBroken, rawOf } from "@/forms/typical";
import { app } from "@/text/app";
import { connectors } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { ChoiceField } from "@/ui/Field";
import { preview } from "./calls";

const text = connectors.wizard;
const SIZE = 20;
const SECONDS = 10;

interface Props {
  type: string;
  properties: Values;
  events: Event[];
  onEvents: (events: Event[]) => void;
  schema?: Schema;
  /** The messages are to be read another way: json, text, ... */
  onDecode: (way: string) => void;
}

export function Preview({ type, properties, events, onEvents, schema, onDecode }: Props) {
  const [left, setLeft] = useState(0);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  useEffect(() => {
    if (!left) return;
    const timer = setTimeout(() => setLeft((n) => Math.max(1, n - 1)), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  const ways = schema?.properties?.data_type?.enum ?? [];
  const broken = events.filter(isBroken).length;
  const go = async () => {
    control.current = new AbortController();
    setError(null);
    setDone(false);
    setLeft(SECONDS);
    try {
      onEvents(await preview(type, properties, SIZE, `${SECONDS}s`, control.current.signal));
      setDone(true);
    } catch (reason) {
      if (!control.current.signal.aborted) setError(reason as Error);
    } finally {
      setLeft(0);
    }
  };
  return (
    <>
      <p className="text-muted">{text.previewWhy}</p>
      <div className="flex flex-wrap items-end gap-2">
        {ways.length > 1 && (
          <div className="w-44">
            <ChoiceField
              label={text.decode}
              value={String(properties.data_type ?? "")}
              choices={ways.map((way) => ({ value: way, label: way }))}
              disabled={left > 0}
              onChange={(event) => {
                setDone(false);
                onDecode(event.target.value);
              }}
            />
          </div>
        )}
        <Button icon={Eye} busy={left > 0} onClick={go}>
          {text.preview}
        </Button>
        {left > 0 && (
          <>
            <span role="status">{text.previewWait(left)}</span>
            <Button onClick={() => control.current?.abort()}>{app.cancel}</Button>
          </>
        )}
      </div>
      {error && <Failure error={error} />}
      {done && !events.length && <p>{text.previewNone}</p>}
      {broken > 0 && (
        <p role="alert" className="text-warn">
          {text.broken(broken)}
        </p>
      )}
      {events.length > 0 && <Events events={events} />}
    </>
  );
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function Events({ events }: { events: Event[] }) {
  const names = [...new Set(events.flatMap((event) => Object.keys(event)))];
  return (
    <div className="grid min-w-0 gap-3 xl:grid-cols-2">
      <section className="min-w-0">
        <h3 className="mb-1 text-xs font-semibold text-muted">{text.raw}</h3>
        <pre
          tabIndex={0}
          role="region"
          aria-label={text.raw}
          className="max-h-80 overflow-auto rounded-md border border-line bg-page p-2 font-mono text-xs"
        >
          {events.map(rawOf).join("\n")}
        </pre>
      </section>
      <section className="min-w-0">
        <h3 className="mb-1 text-xs font-semibold text-muted">{text.parsed}</h3>
        <div
          tabIndex={0}
          role="region"
          aria-label={text.parsed}
          className="max-h-80 overflow-auto rounded-md border border-line"
        >
          <table className="w-full border-collapse text-left text-xs">
            <thead>
              <tr className="border-b border-line text-muted">
                {names.map((name) => (
                  <th key={name} className="px-2 py-1 font-medium whitespace-nowrap">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {events.map((event, n) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: events have no name of their own
                <tr key={n} className="border-b border-line last:border-0">
                  {names.map((name) => (
                    <td
                      key={name}
                      className="max-w-60 truncate px-2 py-0.5"
                      title={cell(event[name])}
                    >
                      {cell(event[name])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  );
}
