// API keys of the caller (of all, for an admin): list, make one (shown once), delete.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Schemas } from "@/api/types";
import { apiPath } from "@/app/place";
import { Removal } from "@/forms/Removal";
import { admin } from "@/text/admin";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { DataTable } from "@/ui/DataTable";
import { Dialog } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { Failure } from "@/ui/Failure";
import { ChoiceField, TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { keysQuery, removeAll } from "./calls";
import { OnceShown } from "./OnceShown";
import { Rights } from "./Rights";

type Made = Schemas["CreateAPIKeyResponse"];

const text = admin.keys;
const QUERY_KEY = keysQuery.queryKey;

export function Keys() {
  const may = useMay();
  const keys = useQuery(keysQuery);
  const [adding, setAdding] = useState(false);
  const add = may("write:key") && (
    <Button look="primary" icon={KeyRound} onClick={() => setAdding(true)}>
      {text.add}
    </Button>
  );
  return (
    <Loaded of={keys}>
      {(list) => (
        <>
          <DataTable
            label={admin.tabs.keys}
            rows={list}
            id={(key) => key.id}
            filters={add}
            empty={
              <Empty icon={KeyRound} title={text.empty}>
                {add}
              </Empty>
            }
            bulk={
              may("write:key")
                ? (chosen, clear) => (
                    <Removal
                      remove={() =>
                        removeAll(
                          chosen.map((key) => `auth/api_keys/${encodeURIComponent(key.id)}`),
                        )
                      }
                      title={text.remove(chosen.map((key) => key.name || key.id).join(", "))}
                      why={text.removeWhy}
                      queryKey={QUERY_KEY}
                      onDone={clear}
                    />
                  )
                : undefined
            }
            columns={[
              {
                id: "name",
                title: text.name,
                value: (key) => key.name,
                cell: (key) => key.name || key.id,
              },
              {
                id: "permissions",
                title: text.permissions,
                value: (key) => key.permissions.join(", "),
                cell: (key) => key.permissions.join(", ") || text.all,
              },
              {
                id: "by",
                title: text.by,
                value: (key) => key.created_by.name ?? "",
                cell: (key) => key.created_by.name,
              },
              {
                id: "created",
                title: text.created,
                value: (key) => key.created_at,
                cell: (key) => time(key.created_at * 1000),
              },
              {
                id: "expires",
                title: text.expires,
                value: (key) => key.expire_at,
                cell: (key) => (key.expire_at ? time(key.expire_at * 1000) : text.never),
              },
            ]}
          />
          {adding && <KeyForm onClose={() => setAdding(false)} />}
        </>
      )}
    </Loaded>
  );
}

function KeyForm({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [part, setPart] = useState(false);
  const [rights, setRights] = useState<ReadonlySet<string>>(new Set());
  const [lifetime, setLifetime] = useState("");
  const [made, setMade] = useState<Made | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const body = {
      name,
      ...(part && { permissions: [...rights] }),
      ...(lifetime && { expire_in: lifetime }),
    };
    try {
      setMade(await call<Made>("auth/api_keys", { body }));
      await client.invalidateQueries({ queryKey: QUERY_KEY });
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  if (made)
    return (
      <OnceShown title={text.shown} why={text.once} secret={made.api_key} onClose={onClose}>
        <p className="mt-3 mb-2 text-muted">{text.use}</p>
        <CodeBlock
          text={`curl -H "X-Api-Key: $KEY" ${window.location.origin}${apiPath("streams")}`}
          label={text.use}
        />
      </OnceShown>
    );
  return (
    <Dialog
      open
      onClose={onClose}
      title={text.add}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button
            look="primary"
            type="submit"
            form="key"
            busy={busy}
            disabled={part && !rights.size}
          >
            {app.create}
          </Button>
        </>
      }
    >
      <form id="key" onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={text.name}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <ChoiceField
          label={text.expiresIn}
          value={lifetime}
          choices={Object.entries(text.lifetimes).map(([value, label]) => ({ value, label }))}
          onChange={(event) => setLifetime(event.target.value)}
        />
        <ChoiceField
          label={text.permissions}
          value={part ? "part" : "all"}
          choices={Object.entries(text.scopes).map(([value, label]) => ({ value, label }))}
          onChange={(event) => setPart(event.target.value === "part")}
        />
        {part && <Rights chosen={rights} onChange={setRights} />}
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
