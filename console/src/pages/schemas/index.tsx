// All format schemas of the workspace.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { FileCode, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { schemas as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { Failure } from "@/ui/Failure";
import { AreaField, ChoiceField, TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { createSchema, removeSchema, schemasQuery, TYPES } from "./calls";

export default function FormatSchemas() {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const list = useQuery(schemasQuery);
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<string[]>([]);
  const create = may("write:schema") && (
    <Button look="primary" icon={Plus} onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  return (
    <Page title={text.title} actions={create}>
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={text.title}
            rows={all}
            id={(one) => one.name}
            onOpen={(one) => go(`/schemas/${encodeURIComponent(one.name)}`)}
            empty={
              <Empty icon={FileCode} title={text.empty}>
                {create}
              </Empty>
            }
            bulk={
              may("write:schema")
                ? (chosen) => (
                    <Button look="danger" onClick={() => setDoomed(chosen.map((one) => one.name))}>
                      {app.remove}
                    </Button>
                  )
                : undefined
            }
            columns={[
              { id: "name", title: text.name, value: (one) => one.name, cell: (one) => one.name },
              {
                id: "type",
                title: text.type,
                value: (one) => one.type,
                cell: (one) => <Badge>{one.type}</Badge>,
              },
              {
                id: "changed",
                title: text.changed,
                value: (one) => one.last_updated_at,
                cell: (one) => time(`${one.last_updated_at}Z`),
              },
              {
                id: "by",
                title: text.by,
                value: (one) => one.last_updated_by.name,
                cell: (one) => one.last_updated_by.name,
              },
            ]}
          />
        )}
      </Loaded>
      {adding && <NewSchema onClose={() => setAdding(false)} />}
      <Confirm
        open={doomed.length > 0}
        onClose={() => setDoomed([])}
        title={text.remove(doomed.join(", "))}
        action={app.remove}
        run={async () => {
          try {
            for (const name of doomed) await removeSchema(name);
          } finally {
            await client.invalidateQueries({ queryKey: ["schemas"] });
          }
        }}
      >
        <p>{text.removeWhy}</p>
      </Confirm>
    </Page>
  );
}

const EXAMPLE = `syntax = "proto3";

message Reading {
  string sensor = 1;
  double value = 2;
}
`;

function NewSchema({ onClose }: { onClose: () => void }) {
  const go = useGo();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [type, setType] = useState(TYPES[0] ?? "");
  const [content, setContent] = useState(EXAMPLE);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await createSchema({ name, type, content });
      await client.invalidateQueries({ queryKey: ["schemas"] });
      go(`/schemas/${encodeURIComponent(name)}`);
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
      title={text.create}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form="schema" busy={busy}>
            {app.create}
          </Button>
        </>
      }
    >
      <form id="schema" onSubmit={submit} className="flex flex-col gap-3">
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField
            label={text.name}
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <ChoiceField
            label={text.type}
            value={type}
            choices={TYPES.map((value) => ({ value, label: value }))}
            onChange={(event) => setType(event.target.value)}
          />
        </div>
        <AreaField
          label={text.content}
          hint={text.contentHint}
          required
          rows={14}
          value={content}
          onChange={(event) => setContent(event.target.value)}
        />
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
