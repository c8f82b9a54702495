// The correction of one value: a new version with a note, beside the history of the value.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { app } from "@/text/app";
import { timeseries } from "@/text/timeseries";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { notify } from "@/ui/Toast";
import { correct, type Series, type Value, valuesQuery } from "./calls";
import { Rows } from "./parts";
import { valueColumns } from "./Values";

const text = timeseries.series;

interface Props {
  series: Series;
  value: Value;
  onClose: () => void;
}

function parsed(of: string): number | null {
  if (!of.trim()) return null;
  const value = Number(of);
  if (!Number.isFinite(value)) throw new Error(text.badNumber);
  return value;
}

export function Correction({ series, value, onClose }: Props) {
  const client = useQueryClient();
  const [typed, setTyped] = useState(value.value === null ? "" : String(value.value));
  const [annotation, setAnnotation] = useState(value.annotation ?? "");
  const [tags, setTags] = useState(value.tags?.join(", ") ?? "");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const named = tags.split(",").map((one) => one.trim());
    try {
      const done = await correct({
        series_id: series.series_id,
        valid_time: value.valid_time,
        ...(series.overlapping && value.known_time && { known_time: value.known_time }),
        value: parsed(typed),
        annotation: annotation.trim() || null,
        tags: named.some(Boolean) ? named.filter(Boolean) : null,
      });
      notify(done.updated.length ? text.saved : text.noOp);
      await client.invalidateQueries({ queryKey: ["timedb"] });
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={text.correctOf(time(value.valid_time))}
      footer={
        <>
          <Button onClick={onClose}>{app.close}</Button>
          <Button look="primary" type="submit" form="correction" busy={busy}>
            {app.save}
          </Button>
        </>
      }
    >
      <form id="correction" onSubmit={submit} className="flex flex-col gap-3">
        <p className="text-muted">{text.correctWhy}</p>
        <TextField
          label={`${text.value} (${series.unit})`}
          inputMode="decimal"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <TextField
          label={text.annotation}
          value={annotation}
          onChange={(event) => setAnnotation(event.target.value)}
        />
        <TextField
          label={text.tags}
          hint={text.tagsHint}
          value={tags}
          onChange={(event) => setTags(event.target.value)}
        />
      </form>
      {error && <Failure error={error} />}
      <History series={series} value={value} />
    </Dialog>
  );
}

function History({ series, value }: { series: Series; value: Value }) {
  // Its end is not part of a range: one microsecond later the range has this time alone.
  const end = `${new Date(Date.parse(value.valid_time)).toISOString().slice(0, 19)}.999999Z`;
  const history = useQuery(
    valuesQuery(series.series_id, "versions", { from: value.valid_time, to: end }),
  );
  return (
    <section className="pt-4">
      <h2 className="mb-1 text-xs font-semibold text-muted">{text.history}</h2>
      <Loaded of={history}>
        {(versions) => (
          <Rows
            label={text.history}
            rows={versions
              .filter((one) => one.valid_time === value.valid_time)
              .sort((a, b) => Date.parse(b.change_time ?? "") - Date.parse(a.change_time ?? ""))}
            columns={valueColumns("versions").slice(1)}
            id={(one) => String(one.value_id)}
          />
        )}
      </Loaded>
    </section>
  );
}
