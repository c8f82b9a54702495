// The form of a new view: name, query, and whether it is materialized.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { streams, views } from "@/text/streams";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { AreaField, CheckField, TextField } from "@/ui/Field";

const text = views.form;

export function NewView({ onClose, sql = "" }: { onClose: () => void; sql?: string }) {
  const go = useGo();
  const client = useQueryClient();
  const [form, setForm] = useState({
    name: "",
    query: sql,
    materialized: false,
    target_stream: "",
    description: "",
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const set = (change: Partial<typeof form>) => setForm({ ...form, ...change });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const { target_stream: target, ...body } = form;
    try {
      const into = form.materialized && target.trim() ? { target_stream: target } : {};
      await call("views", { body: { ...body, ...into } });
      await client.invalidateQueries();
      go(`/views/${encodeURIComponent(form.name)}`);
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={views.create}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form="view" busy={busy}>
            {app.create}
          </Button>
        </>
      }
    >
      <form id="view" onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={streams.name}
          required
          value={form.name}
          onChange={(event) => set({ name: event.target.value })}
        />
        <AreaField
          label={text.query}
          hint={text.queryHint}
          required
          rows={8}
          value={form.query}
          onChange={(event) => set({ query: event.target.value })}
        />
        <CheckField
          label={text.materialized}
          checked={form.materialized}
          onChange={(event) => set({ materialized: event.target.checked })}
        />
        {form.materialized && (
          <TextField
            label={text.target}
            hint={text.targetHint}
            value={form.target_stream}
            onChange={(event) => set({ target_stream: event.target.value })}
          />
        )}
        <TextField
          label={streams.description}
          value={form.description}
          onChange={(event) => set({ description: event.target.value })}
        />
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
