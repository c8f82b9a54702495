// One view: its query and columns; a materialized one with state, lag, errors, dead letters.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Pause, Play, RotateCcw, SquareTerminal, Trash2 } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import type { View } from "@/api/types";
import { useGo } from "@/app/go";
import { quoted } from "@/forms/sql";
import { Columns } from "@/pages/streams/Columns";
import { steer, type ViewStats, viewQuery, viewStatsQuery } from "@/pages/streams/calls";
import { LiveRows } from "@/pages/streams/LiveRows";
import { Removal } from "@/pages/streams/Removal";
import { nodeOf, useRates } from "@/pages/streams/rates";
import { Uses } from "@/pages/streams/Uses";
import { app } from "@/text/app";
import { streams, views as text } from "@/text/streams";
import { Badge, Status } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { Figure } from "@/ui/Figure";
import { bytes, count, perSecond } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Sparkline } from "@/ui/Sparkline";
import { Tabs } from "@/ui/Tabs";
import { notify } from "@/ui/Toast";
import { Errors } from "./Errors";
import { statusText } from "./status";

export default function ViewDetail() {
  const { name = "" } = useParams({ strict: false }) as { name?: string };
  const { tab = "overview" } = useSearch({ strict: false }) as { tab?: string };
  const navigate = useNavigate();
  const view = useQuery(viewQuery(name));
  const stats = useQuery({ ...viewStatsQuery(name), enabled: view.data?.materialized === true });
  return (
    <Page
      title={name}
      note={
        view.data && (
          <>
            <Badge>{view.data.materialized ? text.materialized : text.plain}</Badge>
            {stats.data && <Status value={statusText(stats.data.status)} />}
          </>
        )
      }
      actions={view.data && <Actions view={view.data} stats={stats.data} />}
    >
      <Loaded of={view}>
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
                content: (
                  <div className="flex flex-col gap-4 pt-3">
                    {shown.description && <p className="text-muted">{shown.description}</p>}
                    <CodeBlock text={shown.query} label={text.query} />
                    {shown.materialized && (
                      <Loaded of={stats}>{(now) => <State view={shown} stats={now} />}</Loaded>
                    )}
                  </div>
                ),
              },
              ...(shown.materialized
                ? [
                    {
                      value: "errors",
                      label: text.tabs.errors,
                      content: (
                        <Loaded of={stats}>{(now) => <Errors view={shown} stats={now} />}</Loaded>
                      ),
                    },
                  ]
                : []),
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
                label: streams.tabs.live,
                content: tab === "live" && <LiveRows name={name} />,
              },
              {
                value: "definition",
                label: text.tabs.definition,
                content: (
                  <div className="pt-3">
                    <CodeBlock text={shown.create_query} label={text.tabs.definition} />
                  </div>
                ),
              },
              { value: "uses", label: text.tabs.uses, content: <Uses name={name} /> },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}

function State({ view, stats }: { view: View; stats: ViewStats }) {
  const node = nodeOf(useRates(true), "materialized_view", view.name);
  const written = node?.history?.rows_out ?? [];
  return (
    <>
      {stats.last_error_message && (
        <Failure what={text.error} error={new Error(stats.last_error_message)} />
      )}
      {view.target_stream && (
        <p>
          {text.target}:{" "}
          <Go
            to={`/streams/${encodeURIComponent(view.target_stream)}`}
            className="text-accent underline"
          >
            {view.target_stream}
          </Go>
        </p>
      )}
      <dl className="flex flex-wrap gap-x-10 gap-y-3">
        <Figure name={streams.rows}>{count(stats.row_count)}</Figure>
        <Figure name={streams.stored}>
          {bytes(stats.historical_data_bytes + stats.streaming_data_bytes)}
        </Figure>
        <Figure name={text.lag}>{text.lagRows(stats.lagging)}</Figure>
        <Figure name={text.memory}>{bytes(stats.memory)}</Figure>
        {node && <Figure name={streams.ratesNow}>{perSecond(node.rows_out)}</Figure>}
        <Figure name={text.leftOut}>{count(stats.left_out_rows)}</Figure>
      </dl>
      {written.length > 1 && (
        <section className="max-w-3xl rounded-lg border border-line bg-surface p-3">
          <h2 className="mb-2 text-xs font-semibold text-muted">{streams.rates}</h2>
          <Sparkline values={written} label={streams.rates} />
        </section>
      )}
    </>
  );
}

function Actions({ view, stats }: { view: View; stats?: ViewStats }) {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [doomed, setDoomed] = useState<string[]>([]);
  const run = (verb: "pause" | "resume" | "recover") => async () => {
    setBusy(true);
    try {
      await steer(view.name, verb);
      await client.invalidateQueries({ queryKey: ["materialized_views"] });
    } catch (error) {
      notify((error as Error).message, "bad");
    } finally {
      setBusy(false);
    }
  };
  const sql = encodeURIComponent(`SELECT * FROM ${quoted(view.name)}`);
  const status = stats?.status;
  return (
    <>
      <Button icon={SquareTerminal} onClick={() => go(`/query?sql=${sql}&run=true`)}>
        {streams.query}
      </Button>
      {may("write:view") && (
        <>
          {status === "ExecutingPipeline" && (
            <Button icon={Pause} busy={busy} onClick={run("pause")}>
              {text.pause}
            </Button>
          )}
          {status === "Paused" && (
            <Button icon={Play} busy={busy} onClick={run("resume")}>
              {text.resume}
            </Button>
          )}
          {status === "Error" && (
            <Button look="primary" icon={RotateCcw} busy={busy} onClick={run("recover")}>
              {text.recover}
            </Button>
          )}
          <Button look="danger" icon={Trash2} onClick={() => setDoomed([view.name])}>
            {app.remove}
          </Button>
        </>
      )}
      <Removal
        kind="views"
        names={doomed}
        onClose={() => setDoomed([])}
        onDone={() => go("/views")}
      />
    </>
  );
}
