// Changes name, description, tags and SQL of a saved query.

import { type FormEvent, useId, useState } from "react";
import { call } from "@/api/client";
import type { SavedQuery } from "@/api/types";
import { SqlField } from "@/editor/SqlField";
import { tagsOf } from "@/pages/query/tags";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { AreaField, TextField } from "@/ui/Field";
import { notify } from "@/ui/Toast";

const t = query.saveDialog;

interface Props {
  one: SavedQuery;
  onClose: () => void;
  onSaved: () => void;
}

export function EditSaved({ one, onClose, onSaved }: Props) {
  const form = useId();
  const [name, setName] = useState(one.name);
  const [description, setDescription] = useState(one.description);
  const [tags, setTags] = useState(one.tags.join(", "));
  const [sql, setSql] = useState(one.sql);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call(`savedqueries/${encodeURIComponent(one.id)}`, {
        method: "PUT",
        body: { name, description, sql, tags: tagsOf(tags) },
      });
      notify(query.saved(name));
      onSaved();
      onClose();
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={query.savedPage.editTitle}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button
            look="primary"
            type="submit"
            form={form}
            busy={busy}
            disabled={!name.trim() || !sql.trim()}
          >
            {app.save}
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={t.name}
          value={name}
          required
          onChange={(event) => setName(event.target.value)}
        />
        <AreaField
          label={t.description}
          rows={2}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
        <TextField
          label={t.tags}
          hint={t.tagsHint}
          value={tags}
          onChange={(event) => setTags(event.target.value)}
        />
        <SqlField label={query.savedPage.sql} rows={8} value={sql} required onChange={setSql} />
        {error && <Failure error={error} />}
      </form>
    </Dialog>
  );
}
