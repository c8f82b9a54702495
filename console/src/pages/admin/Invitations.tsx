// Invitations by e-mail: list, invite, withdraw.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { MailPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Schemas } from "@/api/types";
import { Removal } from "@/forms/Removal";
import { admin } from "@/text/admin";
import { Status } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { removeAll } from "./calls";

type Invitation = Schemas["Invitation"];

const text = admin.invitations;
const QUERY_KEY = ["invitations"];

export function Invitations() {
  const may = useMay();
  const changes = may("write:user");
  const list = useQuery({
    queryKey: QUERY_KEY,
    queryFn: () => call<Invitation[]>("invitations"),
  });
  return (
    <>
      {changes && <Invite />}
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={admin.tabs.invitations}
            rows={all}
            id={(one) => one.id}
            empty={<p className="p-4 text-muted">{text.empty}</p>}
            bulk={
              changes
                ? (chosen, clear) => (
                    <Removal
                      remove={() =>
                        removeAll(chosen.map((one) => `invitations/${encodeURIComponent(one.id)}`))
                      }
                      title={text.remove(chosen.map((one) => one.email).join(", "))}
                      queryKey={QUERY_KEY}
                      onDone={clear}
                    />
                  )
                : undefined
            }
            columns={[
              {
                id: "email",
                title: text.email,
                value: (one) => one.email,
                cell: (one) => one.email,
              },
              {
                id: "status",
                title: text.status,
                value: (one) => one.status,
                cell: (one) => <Status value={one.status} />,
              },
              {
                id: "created",
                title: text.created,
                value: (one) => one.created_at,
                cell: (one) => time(one.created_at),
              },
            ]}
          />
        )}
      </Loaded>
    </>
  );
}

function Invite() {
  const client = useQueryClient();
  const [email, setEmail] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call("invitations", { body: { email } });
      setEmail("");
      await client.invalidateQueries({ queryKey: QUERY_KEY });
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="mb-3 max-w-lg">
      <div className="flex items-end gap-2">
        <div className="flex-1">
          <TextField
            label={text.email}
            type="email"
            required
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </div>
        <Button type="submit" look="primary" icon={MailPlus} busy={busy}>
          {text.add}
        </Button>
      </div>
      {error && <Failure error={error} />}
    </form>
  );
}
