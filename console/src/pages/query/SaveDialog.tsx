// Saves the SQL of a tab: as a saved query, or one statement of it as a view, a sink, an alert.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { SavedQuery } from "@/api/types";
import { useGo } from "@/app/go";
import { type Statement, statements } from "@/editor/statements";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { AreaField, ChoiceField, TextField } from "@/ui/Field";
import { notify } from "@/ui/Toast";
import { change, type QueryTab } from "./tabs";
import { tagsOf } from "./tags";

const t = query.saveDialog;
const NEEDS: Record<string, string> = {
  savedquery: "write:savedquery",
  view: "write:view",
  materialized_view: "write:view",
  sink: "write:sink",
  alert: "write:alert",
};
/** What these need more of is asked for by pages of their own. */
const PAGES: Record<string, string> = { sink: "/sinks/new", alert: "/alerts/new" };

interface Props {
  tab: QueryTab;
  /** The marked statement, or the one at the cursor. */
  statement: Statement | undefined;
  onClose: () => void;
}

export function SaveDialog({ tab, statement, onClose }: Props) {
  const client = useQueryClient();
  const may = useMay();
  const form = useId();
  const kinds = Object.keys(NEEDS).filter((kind) => may(NEEDS[kind]!));
  const [kind, setKind] = useState(kinds[0] ?? "");
  const [name, setName] = useState(tab.saved?.name ?? (tab.named ? tab.title : ""));
  const [description, setDescription] = useState("");
  const [tags, setTags] = useState("");
  const [target, setTarget] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const isView = kind !== "savedquery";
  const page = PAGES[kind];
  const go = useGo();
  const one = statement ?? (statements(tab.sql).length === 1 ? statements(tab.sql)[0] : undefined);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (page) {
      onClose();
      go(`${page}?${new URLSearchParams({ sql: one!.text })}`);
      return;
    }
    setBusy(true);
    setError(null);
    try {
      if (isView) {
        await call("views", {
          body: {
            name,
            description,
            query: one!.text,
            materialized: kind === "materialized_view",
            ...(kind === "materialized_view" && target && { target_stream: target }),
          },
        });
      } else {
        const saved = await call<SavedQuery>("savedqueries", {
          body: { name, description, sql: tab.sql, tags: tagsOf(tags) },
        });
        change(tab.id, { saved: { id: saved.id, name }, title: name, named: true });
      }
      void client.invalidateQueries();
      notify(query.saved(name));
      onClose();
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
    }
  };
  const ready = !!kind && (!!page || !!name.trim()) && (!isView || !!one);
  return (
    <Dialog
      open
      onClose={onClose}
      title={t.title}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form={form} busy={busy} disabled={!ready}>
            {page ? t.next : app.save}
          </Button>
        </>
      }
    >
      {kinds.length ? (
        <form id={form} onSubmit={submit} className="flex flex-col gap-3">
          <ChoiceField
            label={t.as}
            hint={isView && !one ? t.one : t.hints[kind]}
            value={kind}
            choices={kinds.map((value) => ({ value, label: t.kinds[value] ?? value }))}
            onChange={(event) => setKind(event.target.value)}
          />
          {!page && (
            <>
              <TextField
                label={t.name}
                value={name}
                required
                autoFocus
                onChange={(event) => setName(event.target.value)}
              />
              <AreaField
                label={t.description}
                rows={2}
                value={description}
                onChange={(event) => setDescription(event.target.value)}
              />
            </>
          )}
          {!isView && (
            <TextField
              label={t.tags}
              hint={t.tagsHint}
              value={tags}
              onChange={(event) => setTags(event.target.value)}
            />
          )}
          {kind === "materialized_view" && (
            <TextField
              label={t.target}
              hint={t.targetHint}
              value={target}
              onChange={(event) => setTarget(event.target.value)}
            />
          )}
          {error && <Failure error={error} />}
        </form>
      ) : (
        <p>{t.noRight}</p>
      )}
    </Dialog>
  );
}

/** Saves the text under the name it already has. */
export async function saveAgain(tab: QueryTab): Promise<void> {
  const { id } = tab.saved!;
  const path = `savedqueries/${encodeURIComponent(id)}`;
  const { name, description, tags } = await call<SavedQuery>(path);
  await call(path, { method: "PUT", body: { name, description, tags, sql: tab.sql } });
}
