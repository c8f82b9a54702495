// Asks what a sample stream shall look like, makes it, and queries it at once.
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useId, useState } from "react";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { ChoiceField, TextField } from "@/ui/Field";
import { notify } from "@/ui/Toast";
import { createSample } from "./createSample";
import { openSql } from "./open";
import { RATE_MAX, TEMPLATES } from "./sample";

const t = query.sample;
const NAME = /^[A-Za-z_]\w*$/;

/** Also for other pages: it goes to the query page when the stream is there. */
export function SampleStream({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useId();
  const [template, setTemplate] = useState("iot");
  const [name, setName] = useState("iot");
  const [rate, setRate] = useState("20");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const named = NAME.test(name);
  const a = Number(rate);
  const rated = Number.isInteger(a) && a >= 1 && a <= RATE_MAX;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!named || !rated) return;
    setBusy(true);
    setError(null);
    try {
      await createSample({ template, name, rate: a });
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
      return;
    }
    notify(t.made(name));
    void client.invalidateQueries();
    const tab = openSql(client, { sql: `SELECT * FROM ${name}`, run: true, coach: true });
    onClose();
    void navigate({ to: "/query", search: { tab: tab.id } });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t.title}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form={form} busy={busy} disabled={!named || !rated}>
            {t.create}
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} className="flex flex-col gap-3">
        <ChoiceField
          label={t.template}
          value={template}
          choices={Object.keys(TEMPLATES).map((value) => ({
            value,
            label: t.templates[value] ?? value,
          }))}
          onChange={(event) => {
            // A name that nobody chose follows the template.
            if (name === template) setName(event.target.value);
            setTemplate(event.target.value);
          }}
        />
        <TextField
          label={t.name}
          value={name}
          required
          error={named ? undefined : t.nameWrong}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label={t.rate}
          hint={t.rateHint}
          type="number"
          min={1}
          max={RATE_MAX}
          value={rate}
          required
          error={rated ? undefined : t.rateHint}
          onChange={(event) => setRate(event.target.value)}
        />
        {error && <Failure error={error} />}
      </form>
    </Dialog>
  );
}
