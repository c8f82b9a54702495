// All streams with their sizes; new ones, and deletion of several.
import { useQuery } from "@tanstack/react-query";
import { Database, FileUp, Plus } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { ingest } from "@/text/ingest";
import { streams as text } from "@/text/streams";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Empty } from "@/ui/Empty";
import { CheckField } from "@/ui/Field";
import { bytes, count, perSecond, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { streamsQuery } from "./calls";
import { NewStream } from "./NewStream";
import { Removal } from "./Removal";
import { nodeOf, useRates } from "./rates";

export default function Streams() {
  const go = useGo();
  const may = useMay();
  const list = useQuery(streamsQuery);
  const [adding, setAdding] = useState(false);
  const [internal, setInternal] = useState(false);
  const [doomed, setDoomed] = useState<string[]>([]);
  const rates = useRates();
  const rateOf = (name: string) => nodeOf(rates, "stream", name)?.rows_in;
  const changes = may("define:stream");
  const create = changes && (
    <Button look="primary" icon={Plus} onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  const fromFile = may("write:stream") && (
    <Button icon={FileUp} onClick={() => go("/ingest")}>
      {ingest.open}
    </Button>
  );
  return (
    <Page
      title={text.title}
      actions={
        <>
          {fromFile}
          {create}
        </>
      }
    >
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={text.title}
            rows={all.filter((one) => !one.is_external && (internal || !one.name.startsWith("_")))}
            id={(stream) => stream.name}
            onOpen={(stream) => go(`/streams/${encodeURIComponent(stream.name)}`)}
            filters={
              all.some((one) => one.name.startsWith("_")) && (
                <CheckField
                  label={text.internal}
                  checked={internal}
                  onChange={(event) => setInternal(event.target.checked)}
                />
              )
            }
            empty={
              <Empty icon={Database} title={text.empty}>
                <div className="flex flex-wrap justify-center gap-2">
                  {may("write:source") && (
                    <Button onClick={() => go("/query?sample=true")}>{text.sample}</Button>
                  )}
                  {fromFile}
                  {create}
                </div>
              </Empty>
            }
            bulk={
              changes
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
                id: "mode",
                title: text.mode,
                value: (one) => one.mode,
                cell: (one) => <Badge>{one.mode}</Badge>,
              },
              {
                id: "columns",
                title: text.columnCount,
                numeric: true,
                value: (one) => one.columns.length,
                cell: (one) => one.columns.length,
              },
              {
                id: "rows",
                title: text.rows,
                numeric: true,
                value: (one) => one.row_count ?? 0,
                cell: (one) => (one.row_count === undefined ? "" : count(one.row_count)),
              },
              {
                id: "rate",
                title: text.rate,
                numeric: true,
                value: (one) => rateOf(one.name) ?? 0,
                cell: (one) => <span title={text.rateWhy}>{perSecond(rateOf(one.name))}</span>,
              },
              {
                id: "stored",
                title: text.stored,
                numeric: true,
                value: (one) => (one.historical_data_bytes ?? 0) + (one.streaming_data_bytes ?? 0),
                cell: (one) =>
                  bytes((one.historical_data_bytes ?? 0) + (one.streaming_data_bytes ?? 0)),
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
                extra: true,
              },
            ]}
          />
        )}
      </Loaded>
      {adding && <NewStream onClose={() => setAdding(false)} />}
      <Removal
        kind="streams"
        names={doomed}
        onClose={() => setDoomed([])}
        onDone={() => setDoomed([])}
      />
    </Page>
  );
}
