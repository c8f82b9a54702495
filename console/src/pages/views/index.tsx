// Views and materialized views; failed ones stand first.
import { useQuery } from "@tanstack/react-query";
import { Layers, Plus } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import type { View } from "@/api/types";
import { useGo } from "@/app/go";
import { type MaterializedView, materializedQuery, viewsQuery } from "@/pages/streams/calls";
import { Removal } from "@/pages/streams/Removal";
import { app } from "@/text/app";
import { streams, views as text } from "@/text/streams";
import { Badge, Status } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { DataTable } from "@/ui/DataTable";
import { Empty } from "@/ui/Empty";
import { bytes } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { NewView } from "./NewView";
import { statusText } from "./status";

const EXAMPLE = "CREATE VIEW hot AS SELECT device, temperature FROM iot WHERE temperature > 30";

interface Line {
  view: View;
  running?: MaterializedView;
}

const failed = (line: Line): boolean => line.running?.status === "Error";

export default function Views() {
  const go = useGo();
  const may = useMay();
  const views = useQuery(viewsQuery);
  const running = useQuery(materializedQuery);
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<string[]>([]);
  const changes = may("write:view");
  const create = changes && (
    <Button look="primary" icon={Plus} onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  const lines = (all: View[]): Line[] =>
    all
      .map((view) => ({ view, running: running.data?.find((one) => one.name === view.name) }))
      .sort((a, b) => Number(failed(b)) - Number(failed(a)));
  const bad = running.data?.filter((one) => one.status === "Error").length ?? 0;
  return (
    <Page
      title={text.title}
      note={bad > 0 && <Badge tone="bad">{text.failed(bad)}</Badge>}
      actions={create}
    >
      <Loaded of={views}>
        {(all) => (
          <DataTable
            label={text.title}
            rows={lines(all)}
            id={({ view }) => view.name}
            onOpen={(line) =>
              go(`/views/${encodeURIComponent(line.view.name)}${failed(line) ? "?tab=errors" : ""}`)
            }
            empty={
              <Empty icon={Layers} title={text.empty}>
                <CodeBlock label={text.example} text={EXAMPLE} />
                {create}
              </Empty>
            }
            bulk={
              changes
                ? (chosen) => (
                    <Button
                      look="danger"
                      onClick={() => setDoomed(chosen.map(({ view }) => view.name))}
                    >
                      {app.remove}
                    </Button>
                  )
                : undefined
            }
            columns={[
              {
                id: "name",
                title: streams.name,
                value: ({ view }) => view.name,
                cell: ({ view }) => view.name,
              },
              {
                id: "kind",
                title: text.kind,
                value: ({ view }) => (view.materialized ? text.materialized : text.plain),
                cell: ({ view }) => (
                  <Badge>{view.materialized ? text.materialized : text.plain}</Badge>
                ),
              },
              {
                id: "status",
                title: text.status,
                value: (line) => line.running?.status ?? "",
                cell: (line) => line.running && <Status value={statusText(line.running.status)} />,
              },
              {
                id: "lag",
                title: text.lag,
                numeric: true,
                value: (line) => line.running?.lagging ?? 0,
                cell: (line) => line.running && text.lagRows(line.running.lagging ?? 0),
              },
              {
                id: "memory",
                title: text.memory,
                numeric: true,
                value: (line) => line.running?.memory ?? 0,
                cell: (line) => line.running && bytes(line.running.memory ?? 0),
              },
              {
                id: "error",
                title: text.error,
                value: (line) => line.running?.last_error_message ?? "",
                cell: (line) => (
                  <span
                    className={
                      failed(line) ? "line-clamp-2 max-w-96 text-bad" : "line-clamp-2 max-w-96"
                    }
                    title={line.running?.last_error_message}
                  >
                    {line.running?.last_error_message}
                  </span>
                ),
              },
              {
                id: "query",
                title: text.query,
                value: ({ view }) => view.query,
                cell: ({ view }) => (
                  <span className="line-clamp-1 max-w-96 font-mono text-xs" title={view.query}>
                    {view.query}
                  </span>
                ),
              },
            ]}
          />
        )}
      </Loaded>
      {adding && <NewView onClose={() => setAdding(false)} />}
      <Removal
        kind="views"
        names={doomed}
        onClose={() => setDoomed([])}
        onDone={() => setDoomed([])}
      />
    </Page>
  );
}
