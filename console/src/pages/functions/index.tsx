// The functions of the workspace, and those that are built in with their examples.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Braces, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { functions as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { Failure } from "@/ui/Failure";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { BuiltIns } from "./BuiltIns";
import { createUdf, removeUdf, type Udf, udfsQuery } from "./calls";
import { bodyOf, EMPTY, sample } from "./draft";
import { FunctionForm } from "./FunctionForm";

export default function Functions() {
  const navigate = useNavigate();
  const may = useMay();
  const { tab = "own" } = useSearch({ strict: false }) as { tab?: string };
  const [adding, setAdding] = useState(false);
  const create = may("write:udf") && (
    <Button look="primary" icon={Plus} onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  return (
    <Page title={text.title} actions={create}>
      <Tabs
        label={text.title}
        value={tab}
        onChange={(next) =>
          void navigate({ to: ".", search: (old: object) => ({ ...old, tab: next }) as never })
        }
        tabs={[
          {
            value: "own",
            label: text.tabs.own,
            content: (
              <div className="pt-3">
                <Own>{create}</Own>
              </div>
            ),
          },
          {
            value: "builtin",
            label: text.tabs.builtIn,
            content: (
              <div className="pt-3">
                <BuiltIns />
              </div>
            ),
          },
        ]}
      />
      {adding && <NewFunction onClose={() => setAdding(false)} />}
    </Page>
  );
}

export const signatureOf = (udf: Udf): string => {
  const args = udf.arguments.map((arg) => [arg.name, arg.type].filter(Boolean).join(" "));
  return `${udf.name}(${args.join(", ")})${udf.return_type ? ` → ${udf.return_type}` : ""}`;
};

function Own({ children }: { children: React.ReactNode }) {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const list = useQuery(udfsQuery);
  const [doomed, setDoomed] = useState<string[]>([]);
  return (
    <Loaded of={list}>
      {(all) => (
        <>
          <DataTable
            label={text.title}
            rows={all}
            id={(udf) => udf.name}
            onOpen={(udf) => go(`/functions/${encodeURIComponent(udf.name)}`)}
            empty={
              <Empty icon={Braces} title={text.empty}>
                {children}
              </Empty>
            }
            bulk={
              may("write:udf")
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
                id: "kind",
                title: text.language,
                value: (one) => one.type,
                cell: (one) => (
                  <span className="inline-flex gap-1">
                    <Badge>{text.languages[one.type] ?? one.type}</Badge>
                    {one.is_aggregation && <Badge tone="info">{text.aggregateBadge}</Badge>}
                  </span>
                ),
              },
              {
                id: "signature",
                title: text.signature,
                value: signatureOf,
                cell: (one) => (
                  <span className="line-clamp-1 max-w-96 font-mono text-xs">
                    {signatureOf(one)}
                  </span>
                ),
              },
              {
                id: "description",
                title: text.description,
                value: (one) => one.description,
                cell: (one) => <span className="line-clamp-1 max-w-96">{one.description}</span>,
              },
              {
                id: "changed",
                title: text.changed,
                value: (one) => one.last_updated_at,
                cell: (one) => time(`${one.last_updated_at}Z`),
              },
            ]}
          />
          <Confirm
            open={doomed.length > 0}
            onClose={() => setDoomed([])}
            title={text.remove(doomed.join(", "))}
            action={app.remove}
            run={async () => {
              try {
                for (const name of doomed) await removeUdf(name);
              } finally {
                await client.invalidateQueries({ queryKey: ["udfs"] });
              }
            }}
          >
            <p>{text.removeWhy}</p>
          </Confirm>
        </>
      )}
    </Loaded>
  );
}

function NewFunction({ onClose }: { onClose: () => void }) {
  const go = useGo();
  const client = useQueryClient();
  const [draft, setDraft] = useState({ ...EMPTY, source: sample(EMPTY) });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await createUdf(bodyOf(draft));
      await client.invalidateQueries({ queryKey: ["udfs"] });
      go(`/functions/${encodeURIComponent(draft.name)}`);
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
          <Button look="primary" type="submit" form="function" busy={busy}>
            {app.create}
          </Button>
        </>
      }
    >
      <form id="function" onSubmit={submit}>
        <FunctionForm draft={draft} onChange={setDraft} />
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
