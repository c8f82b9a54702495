// All external streams and tables in one list.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Globe, Plus } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { external as text } from "@/text/external";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { DataTable } from "@/ui/DataTable";
import { Empty } from "@/ui/Empty";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { type External, externalsQuery, placeOf } from "./calls";
import { Removal } from "./Removal";

export default function Externals() {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const list = useQuery(externalsQuery);
  const [doomed, setDoomed] = useState<External[]>([]);
  const create = may("write:external") && (
    <Button look="primary" icon={Plus} onClick={() => go("/external/new")}>
      {text.create}
    </Button>
  );
  return (
    <Page title={text.title} actions={create}>
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={text.title}
            rows={all}
            id={(one) => `${one.kind} ${one.name}`}
            onOpen={(one) => go(`/external/${one.kind}/${encodeURIComponent(one.name)}`)}
            empty={
              <Empty icon={Globe} title={text.empty}>
                {create}
              </Empty>
            }
            bulk={
              may("write:external")
                ? (chosen) => (
                    <Button look="danger" onClick={() => setDoomed(chosen)}>
                      {app.remove}
                    </Button>
                  )
                : undefined
            }
            columns={[
              { id: "name", title: text.name, value: (one) => one.name, cell: (one) => one.name },
              {
                id: "kind",
                title: text.kind,
                value: (one) => text.kinds[one.kind],
                cell: (one) => text.kinds[one.kind],
              },
              {
                id: "type",
                title: text.type,
                value: (one) => one.type,
                cell: (one) => <Badge>{one.type}</Badge>,
              },
              {
                id: "place",
                title: text.place,
                value: placeOf,
                cell: (one) => (
                  <span className="line-clamp-1 max-w-96 font-mono text-xs" title={placeOf(one)}>
                    {placeOf(one)}
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
                extra: true,
              },
            ]}
          />
        )}
      </Loaded>
      <Removal
        doomed={doomed}
        onClose={() => setDoomed([])}
        onDone={() => client.invalidateQueries({ queryKey: ["external"] })}
      />
    </Page>
  );
}
