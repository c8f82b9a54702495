// The form of a new view: name, query, and whether it is materialized.

import { useState } from "react";
import { call } from "@/api/client";
import { SqlField } from "@/editor/SqlField";
import { Analysis } from "@/forms/Analysis";
import { NewDialog } from "@/forms/NewDialog";
import { streams, views } from "@/text/streams";
import { CheckField, TextField } from "@/ui/Field";

const text = views.form;

export function NewView({ onClose, sql = "" }: { onClose: () => void; sql?: string }) {
  const [form, setForm] = useState({
    name: "",
    query: sql,
    materialized: false,
    target_stream: "",
    description: "",
  });
  const set = (change: Partial<typeof form>) => setForm({ ...form, ...change });
  const create = () => {
    const { target_stream: target, ...body } = form;
    const into = form.materialized && target.trim() ? { target_stream: target } : {};
    return call("views", { body: { ...body, ...into } });
  };
  return (
    <NewDialog
      title={views.create}
      onClose={onClose}
      create={create}
      page={`/views/${encodeURIComponent(form.name)}`}
    >
      <TextField
        label={streams.name}
        required
        value={form.name}
        onChange={(event) => set({ name: event.target.value })}
      />
      <SqlField
        label={text.query}
        hint={text.queryHint}
        required
        rows={8}
        value={form.query}
        onChange={(query) => set({ query })}
      />
      <Analysis sql={form.query} boundedWhy={form.materialized ? text.bounded : undefined} />
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
    </NewDialog>
  );
}
