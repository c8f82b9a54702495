// One stream: figures, columns, definition, who uses it, and how rows get in.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { SquareTerminal, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Stream } from "@/api/types";
import { useGo } from "@/app/go";
import { quoted } from "@/forms/sql";
import { app } from "@/text/app";
import { streams as text } from "@/text/streams";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { notify } from "@/ui/Toast";
import { Columns } from "./Columns";
import { streamQuery } from "./calls";
import { IngestTab } from "./IngestTab";
import { LiveRows } from "./LiveRows";
import { Removal } from "./Removal";
import { Statistics } from "./Statistics";
import { Uses } from "./Uses";

export default function StreamDetail() {
  const { name = "" } = useParams({ strict: false }) as { name?: string };
  const { tab = "overview" } = useSearch({ strict: false }) as { tab?: string };
  const navigate = useNavigate();
  const stream = useQuery(streamQuery(name));
  return (
    <Page
      title={name}
      note={stream.data && <Badge>{stream.data.mode}</Badge>}
      actions={stream.data && <Actions stream={stream.data} />}
    >
      <Loaded of={stream}>
        {(shown) => (
          <Tabs
            label={text.one}
            value={tab}
            onChange={(next) =>
              void navigate({ to: ".", search: (old: object) => ({ ...old, tab: next }) as never })
            }
            tabs={[
              {
                value: "overview",
                label: text.tabs.overview,
                content: <Statistics stream={shown} />,
              },
              {
                value: "columns",
                label: text.tabs.columns,
                content: (
                  <div className="pt-3">
                    <Columns columns={shown.columns} />
                  </div>
                ),
              },
              {
                value: "live",
                label: text.tabs.live,
                content: tab === "live" && <LiveRows name={name} />,
              },
              {
                value: "definition",
                label: text.tabs.definition,
                content: <Definition stream={shown} />,
              },
              { value: "ingest", label: text.tabs.ingest, content: <IngestTab name={name} /> },
              { value: "uses", label: text.tabs.uses, content: <Uses name={name} /> },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}

function Actions({ stream }: { stream: Stream }) {
  const go = useGo();
  const may = useMay();
  const [doomed, setDoomed] = useState<string[]>([]);
  const sql = encodeURIComponent(`SELECT * FROM ${quoted(stream.name)}`);
  return (
    <>
      <Button icon={SquareTerminal} onClick={() => go(`/query?sql=${sql}&run=true`)}>
        {text.query}
      </Button>
      {may("define:stream") && (
        <Button look="danger" icon={Trash2} onClick={() => setDoomed([stream.name])}>
          {app.remove}
        </Button>
      )}
      <Removal
        kind="streams"
        names={doomed}
        onClose={() => setDoomed([])}
        onDone={() => go("/streams")}
      />
    </>
  );
}

function Definition({ stream }: { stream: Stream }) {
  const may = useMay();
  return (
    <div className="flex max-w-4xl flex-col gap-4 pt-3">
      <CodeBlock text={stream.create_query} label={text.tabs.definition} />
      {may("define:stream") && <Settings stream={stream} />}
    </div>
  );
}

function Settings({ stream }: { stream: Stream }) {
  const client = useQueryClient();
  const [description, setDescription] = useState(stream.description);
  const [ttl, setTtl] = useState(stream.ttl_expression);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call(`streams/${encodeURIComponent(stream.name)}`, {
        method: "PATCH",
        body: { description, ...(ttl && ttl !== stream.ttl_expression && { ttl_expression: ttl }) },
      });
      await client.invalidateQueries({ queryKey: ["streams"] });
      notify(text.saved);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <h2 className="text-xs font-semibold text-muted">{text.settings}</h2>
      <TextField
        label={text.description}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <TextField
        label={text.ttl}
        hint={text.ttlHint}
        value={ttl}
        onChange={(event) => setTtl(event.target.value)}
      />
      <div>
        <Button type="submit" busy={busy}>
          {app.save}
        </Button>
      </div>
      {error && <Failure error={error} />}
    </form>
  );
}
