// Settings of the workspace, and those of this browser.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Schemas } from "@/api/types";
import { lettersAreOn, setLetters } from "@/app/keys";
import { setLook, type Theme, useLook } from "@/app/theme";
import { admin } from "@/text/admin";
import { app } from "@/text/app";
import { CheckField, ChoiceField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { notify } from "@/ui/Toast";
import { contentQuery } from "./calls";

type Workspace = Schemas["Workspace"];

const text = admin.settings;
const QUERY_KEY = ["workspace"];

export function Settings() {
  const workspace = useQuery({
    queryKey: QUERY_KEY,
    queryFn: () => call<Workspace>("workspace"),
  });
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Part title={text.workspace}>
        <Loaded of={workspace}>{(of) => <OfWorkspace of={of} />}</Loaded>
      </Part>
      <Part title={text.browser}>
        <OfBrowser />
      </Part>
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-sm font-semibold">{title}</h2>
      {children}
    </section>
  );
}

function OfWorkspace({ of }: { of: Workspace }) {
  const may = useMay();
  const client = useQueryClient();
  const content = useQuery(contentQuery(of.name));
  const change = async (enabled_user_tracking: boolean) => {
    try {
      await call("workspace", { method: "PATCH", body: { settings: { enabled_user_tracking } } });
      notify(text.saved);
    } catch (error) {
      notify((error as Error).message, "bad");
    }
    await client.invalidateQueries({ queryKey: QUERY_KEY });
  };
  const facts: [string, string][] = [
    [admin.workspaces.name, of.name],
    [admin.workspaces.created, time(`${of.created_at}Z`)],
    [text.content, admin.content(content.data ?? {})],
  ];
  return (
    <div className="flex flex-col gap-3">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <CheckField
        label={text.tracking}
        hint={may("write:workspace") ? text.trackingWhy : app.needs("write:workspace")}
        disabled={!may("write:workspace")}
        checked={of.settings.enabled_user_tracking}
        onChange={(event) => void change(event.target.checked)}
      />
    </div>
  );
}

function OfBrowser() {
  const look = useLook();
  const [letters, set] = useState(lettersAreOn);
  return (
    <div className="flex max-w-sm flex-col gap-3">
      <ChoiceField
        label={text.theme}
        value={look.theme}
        choices={Object.entries(app.theme).map(([value, label]) => ({ value, label }))}
        onChange={(event) => setLook({ theme: event.target.value as Theme })}
      />
      <ChoiceField
        label={text.rows}
        value={look.density}
        choices={Object.entries(app.density).map(([value, label]) => ({ value, label }))}
        onChange={(event) =>
          setLook({ density: event.target.value === "comfortable" ? "comfortable" : "dense" })
        }
      />
      <CheckField
        label={text.letters}
        hint={text.lettersWhy}
        checked={letters}
        onChange={(event) => {
          setLetters(event.target.checked);
          set(event.target.checked);
        }}
      />
    </div>
  );
}
