// Users of the workspace: list, add, change role, e-mail or password, remove.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useMay, useSession } from "@/api/session";
import type { Schemas } from "@/api/types";
import { Removal } from "@/forms/Removal";
import { admin } from "@/text/admin";
import { app } from "@/text/app";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { ChoiceField, TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { notify } from "@/ui/Toast";
import { keysQuery, removeAll } from "./calls";

type User = Schemas["User"];

const text = admin.users;
const QUERY_KEY = ["users"];

export function Users() {
  const may = useMay();
  const { username } = useSession();
  const users = useQuery({ queryKey: QUERY_KEY, queryFn: () => call<User[]>("users") });
  const [edited, setEdited] = useState<User | "new" | null>(null);
  const changes = may("write:user");
  return (
    <Loaded of={users}>
      {(list) => (
        <>
          <DataTable
            label={admin.tabs.users}
            rows={list}
            id={(user) => user.username}
            onOpen={changes ? setEdited : undefined}
            filters={
              changes && (
                <Button look="primary" icon={UserPlus} onClick={() => setEdited("new")}>
                  {text.add}
                </Button>
              )
            }
            choosable={(user) => user.username !== username}
            bulk={
              changes
                ? (chosen, clear) => (
                    <Removal
                      remove={() =>
                        removeAll(
                          chosen.map((user) => `users/${encodeURIComponent(user.username)}`),
                        )
                      }
                      title={text.remove(chosen.map((user) => user.username).join(", "))}
                      why={text.removeWhy}
                      queryKey={QUERY_KEY}
                      onDone={clear}
                    >
                      <KeysOf users={chosen.map((user) => user.username)} />
                    </Removal>
                  )
                : undefined
            }
            columns={[
              {
                id: "username",
                title: text.name,
                value: (user) => user.username,
                cell: (user) => user.username,
              },
              {
                id: "role",
                title: text.role,
                value: (user) => user.role,
                cell: (user) => (
                  <span className="inline-flex gap-1">
                    <Badge tone={user.role === "admin" ? "info" : "plain"}>{user.role}</Badge>
                    {user.username === username && <Badge>{text.you}</Badge>}
                  </span>
                ),
              },
              {
                id: "email",
                title: text.email,
                value: (user) => user.email ?? "",
                cell: (user) => user.email ?? "",
              },
              {
                id: "full_name",
                title: text.fullName,
                value: (user) => user.full_name ?? "",
                cell: (user) => user.full_name ?? "",
              },
            ]}
          />
          {edited && (
            <UserForm user={edited === "new" ? null : edited} onClose={() => setEdited(null)} />
          )}
        </>
      )}
    </Loaded>
  );
}

/** The keys that end with their makers. */
function KeysOf({ users }: { users: string[] }) {
  const { data } = useQuery(keysQuery);
  const theirs = data?.filter((key) => users.includes(key.created_by.name ?? "")) ?? [];
  if (!theirs.length) return null;
  return (
    <>
      <p className="mt-2 text-muted">{text.theirKeys}</p>
      <ul className="list-inside list-disc">
        {theirs.map((key) => (
          <li key={key.id}>{key.name || key.id}</li>
        ))}
      </ul>
    </>
  );
}

function UserForm({ user, onClose }: { user: User | null; onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState({
    username: user?.username ?? "",
    email: user?.email ?? "",
    full_name: user?.full_name ?? "",
    role: user?.role ?? "writer",
    password: "",
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const set = (change: Partial<typeof form>) => setForm({ ...form, ...change });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const { username, password, ...rest } = form;
    try {
      if (user) {
        const body = password ? { ...rest, password } : rest;
        await call(`users/${encodeURIComponent(username)}`, { method: "PATCH", body });
      } else await call("users", { body: form });
      await client.invalidateQueries({ queryKey: QUERY_KEY });
      notify(text.saved(username));
      onClose();
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={user ? text.edit(user.username) : text.add}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form="user" busy={busy}>
            {app.save}
          </Button>
        </>
      }
    >
      <form id="user" onSubmit={submit} className="flex flex-col gap-3">
        <TextField
          label={text.name}
          required
          disabled={!!user}
          value={form.username}
          onChange={(event) => set({ username: event.target.value })}
        />
        <ChoiceField
          label={text.role}
          value={form.role}
          choices={Object.entries(text.roles).map(([value, label]) => ({ value, label }))}
          onChange={(event) => set({ role: event.target.value as User["role"] })}
        />
        <TextField
          label={text.email}
          type="email"
          value={form.email}
          onChange={(event) => set({ email: event.target.value })}
        />
        <TextField
          label={text.fullName}
          value={form.full_name}
          onChange={(event) => set({ full_name: event.target.value })}
        />
        <TextField
          label={user ? text.newPassword : text.password}
          hint={user ? text.newPasswordHint : undefined}
          type="password"
          autoComplete="new-password"
          required={!user}
          value={form.password}
          onChange={(event) => set({ password: event.target.value })}
        />
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
