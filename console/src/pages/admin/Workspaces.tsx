// Workspaces of the server: list, open, make (its first key is shown once), delete.
import { useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { FolderPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { bootstrapQuery, useMay, useSession } from "@/api/session";
import type { Schemas } from "@/api/types";
import { ROOT } from "@/app/place";
import { Removal } from "@/forms/Removal";
import { admin } from "@/text/admin";
import { app } from "@/text/app";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { contentQuery, removeAll } from "./calls";
import { OnceShown } from "./OnceShown";

type Entry = Schemas["WorkspaceEntry"];
type Made = Schemas["CreateWorkspaceResponse"];

const text = admin.workspaces;
const QUERY_KEY = ["workspaces"];
// This one stays: it has the settings of the whole server.
const FIRST = "default";

export function Workspaces() {
  const may = useMay();
  const { workspace } = useSession();
  const [adding, setAdding] = useState(false);
  const { data } = useQuery(bootstrapQuery);
  const list = useQuery({ queryKey: QUERY_KEY, queryFn: () => call<Entry[]>("workspaces") });
  const changes = may("write:workspace");
  return (
    <Loaded of={list}>
      {(all) => (
        <>
          <DataTable
            label={admin.tabs.workspaces}
            rows={all}
            id={(one) => one.name}
            filters={
              changes && (
                <Button look="primary" icon={FolderPlus} onClick={() => setAdding(true)}>
                  {text.add}
                </Button>
              )
            }
            choosable={(one) => one.name !== FIRST}
            bulk={
              changes
                ? (chosen, clear) => (
                    <Removal
                      remove={() =>
                        removeAll(chosen.map((one) => `workspaces/${one.name}?force=true`))
                      }
                      title={text.remove(chosen.map((one) => one.name).join(", "))}
                      why={text.removeWhy}
                      queryKey={QUERY_KEY}
                      onDone={clear}
                    >
                      <Contents of={chosen.map((one) => one.name)} />
                    </Removal>
                  )
                : undefined
            }
            columns={[
              {
                id: "name",
                title: text.name,
                value: (one) => one.name,
                cell: (one) => (
                  <span className="inline-flex items-center gap-2">
                    {data?.workspaces.includes(one.name) ? (
                      <a
                        href={`${ROOT}console/?ws=${encodeURIComponent(one.name)}`}
                        className="leading-6 text-accent hover:underline"
                      >
                        {one.name}
                      </a>
                    ) : (
                      <span title={text.unseen}>{one.name}</span>
                    )}
                    {one.name === workspace && <Badge>{text.here}</Badge>}
                  </span>
                ),
              },
              {
                id: "created",
                title: text.created,
                value: (one) => one.created_at,
                cell: (one) => time(one.created_at),
              },
            ]}
          />
          {adding && <WorkspaceForm onClose={() => setAdding(false)} />}
        </>
      )}
    </Loaded>
  );
}

/** What goes with each of them. */
function Contents({ of }: { of: string[] }) {
  const found = useQueries({ queries: of.map(contentQuery) });
  return (
    <ul className="mt-2 list-inside list-disc">
      {of.map((name, n) => (
        <li key={name}>
          <strong>{name}</strong>:{" "}
          {found[n]?.isError ? text.unseen : admin.content(found[n]?.data ?? {})}
        </li>
      ))}
    </ul>
  );
}

function WorkspaceForm({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [made, setMade] = useState<Made | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      setMade(await call<Made>("workspaces", { body: { name } }));
      await client.invalidateQueries({ queryKey: QUERY_KEY });
      await client.invalidateQueries({ queryKey: ["bootstrap"] });
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  if (made)
    return (
      <OnceShown
        title={text.made(made.name)}
        why={text.keyOnce}
        secret={made.api_key}
        onClose={onClose}
      />
    );
  return (
    <Dialog
      open
      onClose={onClose}
      title={text.add}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form="workspace" busy={busy}>
            {app.create}
          </Button>
        </>
      }
    >
      <form id="workspace" onSubmit={submit}>
        <TextField
          label={text.name}
          hint={text.nameHint}
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
