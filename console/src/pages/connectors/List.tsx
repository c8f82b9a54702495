// All sources or sinks; those that failed stand first, with their last error in the row.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowDownToLine, ArrowUpFromLine, Plus } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { connectorTypesQuery, type Sort } from "@/forms/connectors";
import { nodeOf, useRates } from "@/pages/streams/rates";
import { app } from "@/text/app";
import { connectors as text } from "@/text/connectors";
import { Status } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Confirm } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { perSecond, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { act, type Connector, listQuery, remove, singular, writeRight } from "./calls";

const failed = (one: Connector): boolean => ["failed", "error"].includes(one.status);

/** Where a source writes, or what a sink asks. */
const subject = (one: Connector): string => ("stream" in one ? one.stream : one.query);

export function ConnectorList({ sort }: { sort: Sort }) {
  const go = useGo();
  const may = useMay();
  const list = useQuery(listQuery(sort));
  const types = useQuery(connectorTypesQuery).data?.[sort];
  const rates = useRates();
  const typeOf = ({ type }: Connector) => types?.find((one) => one.name === type)?.title ?? type;
  const rateOf = (one: Connector) => nodeOf(rates, singular(sort), one.id)?.rows_out;
  const own = text[sort];
  const create = may(writeRight(sort)) && (
    <Button look="primary" icon={Plus} onClick={() => go(`/${sort}/new`)}>
      {own.create}
    </Button>
  );
  return (
    <Page title={own.title} actions={create}>
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={own.title}
            rows={[...all].sort((a, b) => Number(failed(b)) - Number(failed(a)))}
            id={(one) => one.id}
            onOpen={(one) => go(`/${sort}/${encodeURIComponent(one.id)}`)}
            empty={
              <Empty
                icon={sort === "sources" ? ArrowDownToLine : ArrowUpFromLine}
                title={own.empty}
              >
                {create}
              </Empty>
            }
            bulk={
              may(writeRight(sort))
                ? (chosen, clear) => <Bulk sort={sort} chosen={chosen} clear={clear} />
                : undefined
            }
            columns={[
              { id: "name", title: text.name, value: (one) => one.name, cell: (one) => one.name },
              { id: "type", title: text.type, value: typeOf, cell: typeOf },
              {
                id: "subject",
                title: sort === "sources" ? text.stream : text.query,
                value: subject,
                cell: (one) => (
                  <span className="line-clamp-1 max-w-96 font-mono text-xs" title={subject(one)}>
                    {subject(one)}
                  </span>
                ),
              },
              {
                id: "status",
                title: text.status,
                value: (one) => one.status,
                cell: (one) => <Status value={one.status} />,
              },
              {
                id: "rate",
                title: text.rate,
                numeric: true,
                value: (one) => rateOf(one) ?? 0,
                cell: (one) => <span title={text.rateWhy}>{perSecond(rateOf(one))}</span>,
              },
              {
                id: "message",
                title: text.message,
                value: (one) => one.message,
                cell: (one) => (
                  <span
                    title={one.message}
                    className={
                      failed(one)
                        ? "line-clamp-2 max-w-96 text-bad"
                        : "line-clamp-2 max-w-96 text-muted"
                    }
                  >
                    {one.message}
                  </span>
                ),
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
    </Page>
  );
}

function Bulk({ sort, chosen, clear }: { sort: Sort; chosen: Connector[]; clear: () => void }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const all = (run: (id: string) => Promise<void>) => async () => {
    try {
      for (const one of chosen) await run(one.id);
    } catch (error) {
      notify((error as Error).message, "bad");
    } finally {
      await client.invalidateQueries({ queryKey: [sort] });
    }
  };
  return (
    <>
      <Button onClick={all((id) => act(sort, id, "start"))}>{text.start}</Button>
      <Button onClick={all((id) => act(sort, id, "stop"))}>{text.stop}</Button>
      <Button look="danger" onClick={() => setAsking(true)}>
        {app.remove}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={text[sort].remove(chosen.map((one) => one.name).join(", "))}
        action={app.remove}
        run={async () => {
          try {
            for (const one of chosen) await remove(sort, one.id);
            clear();
          } finally {
            await client.invalidateQueries({ queryKey: [sort] });
          }
        }}
      >
        <p>{text[sort].removeWhy}</p>
      </Confirm>
    </>
  );
}
