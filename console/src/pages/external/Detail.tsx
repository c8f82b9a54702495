// One external stream or table: settings, rates, columns, definition, who uses it.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { SquareTerminal, Trash2 } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { quoted } from "@/forms/sql";
import { app } from "@/text/app";
import { external as text } from "@/text/external";
import { streams } from "@/text/streams";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Figure } from "@/ui/Figure";
import { bytes, perSecond } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { Columns } from "../streams/Columns";
import { LiveRows } from "../streams/LiveRows";
import { Uses } from "../streams/Uses";
import {
  type External,
  externalQuery,
  externalStatsQuery,
  type Kind,
  tableColumnsQuery,
} from "./calls";
import { Removal } from "./Removal";

export default function ExternalDetail() {
  const { kind: given, name = "" } = useParams({ strict: false }) as {
    kind?: string;
    name?: string;
  };
  const kind: Kind = given === "tables" ? "tables" : "streams";
  const { tab = "overview" } = useSearch({ strict: false }) as { tab?: string };
  const navigate = useNavigate();
  const one = useQuery(externalQuery(kind, name));
  return (
    <Page
      title={name}
      note={
        one.data && (
          <>
            <Badge>{text.kinds[kind]}</Badge>
            <Badge>{one.data.type}</Badge>
          </>
        )
      }
      actions={one.data && <Actions one={one.data} />}
    >
      <Loaded of={one}>
        {(shown) => (
          <Tabs
            label={text.kinds[kind]}
            value={tab}
            onChange={(next) =>
              void navigate({ to: ".", search: (old: object) => ({ ...old, tab: next }) as never })
            }
            tabs={[
              { value: "overview", label: text.tabs.overview, content: <Overview one={shown} /> },
              {
                value: "columns",
                label: text.tabs.columns,
                content: (
                  <div className="pt-3">
                    {"columns" in shown ? (
                      <Columns columns={shown.columns} />
                    ) : (
                      <TableColumns name={name} />
                    )}
                  </div>
                ),
              },
              ...(kind === "streams"
                ? [
                    {
                      value: "live",
                      label: streams.tabs.live,
                      content: tab === "live" && <LiveRows name={name} />,
                    },
                  ]
                : []),
              {
                value: "definition",
                label: text.tabs.definition,
                content: (
                  <div className="max-w-4xl pt-3">
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

function Actions({ one }: { one: External }) {
  const go = useGo();
  const may = useMay();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const sql = encodeURIComponent(`SELECT * FROM ${quoted(one.name)}`);
  return (
    <>
      <Button icon={SquareTerminal} onClick={() => go(`/query?sql=${sql}&run=true`)}>
        {text.query}
      </Button>
      {may("write:external") && (
        <Button look="danger" icon={Trash2} onClick={() => setAsking(true)}>
          {app.remove}
        </Button>
      )}
      <Removal
        doomed={asking ? [one] : []}
        onClose={() => setAsking(false)}
        onDone={async () => {
          await client.invalidateQueries({ queryKey: ["external"], exact: true });
          go("/external");
        }}
      />
    </>
  );
}

function Overview({ one }: { one: External }) {
  return (
    <div className="flex flex-col gap-4 pt-3">
      {one.description && <p className="text-muted">{one.description}</p>}
      {one.kind === "streams" && <Rates name={one.name} />}
      <section className="rounded-lg border border-line bg-surface p-3">
        <h2 className="mb-2 text-xs font-semibold text-muted">{text.settings}</h2>
        <dl className="grid gap-x-6 gap-y-1 sm:grid-cols-[minmax(8rem,auto)_minmax(0,1fr)]">
          {one.settings.map((setting) => (
            <div key={setting.key} className="contents">
              <dt className="text-muted">{setting.key}</dt>
              <dd className="font-mono text-xs break-all sm:py-0.5">{setting.value}</dd>
            </div>
          ))}
        </dl>
      </section>
    </div>
  );
}

function Rates({ name }: { name: string }) {
  const stats = useQuery(externalStatsQuery(name));
  return (
    <Loaded of={stats}>
      {(now) => (
        <dl className="flex flex-wrap gap-x-10 gap-y-3">
          <Figure name={text.read}>{perSecond(now.read_eps)}</Figure>
          <Figure name={text.written}>{perSecond(now.written_eps)}</Figure>
          <Figure name={text.readBytes}>{bytes(now.read_bps)}</Figure>
          <Figure name={text.writtenBytes}>{bytes(now.written_bps)}</Figure>
        </dl>
      )}
    </Loaded>
  );
}

function TableColumns({ name }: { name: string }) {
  const columns = useQuery(tableColumnsQuery(name));
  return (
    <Loaded of={columns}>
      {(all) =>
        all.length ? (
          <Columns
            columns={all.map((column) => ({
              ...column,
              codec: "",
              default: "",
              nullable: column.type.startsWith("nullable("),
            }))}
          />
        ) : (
          <p className="text-muted">{text.columnsLater}</p>
        )
      }
    </Loaded>
  );
}
