// The side panel of an object of the catalog: kind, description, columns, and a query on it.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { ChartSpline, Play } from "lucide-react";
import type { PanelProps } from "@/app/panels";
import { catalogQuery } from "@/editor/catalogQuery";
import { written } from "@/editor/scan";
import { query } from "@/text/query";
import { Button } from "@/ui/Button";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { openSql } from "./open";

const t = query.object;
/** What the page Explore can draw. */
const EXPLORED = new Set(["stream"]);

export default function ObjectPanel({ name }: PanelProps) {
  const catalog = useQuery(catalogQuery);
  const client = useQueryClient();
  const navigate = useNavigate();
  const follow = () => {
    const tab = openSql(client, { sql: `SELECT * FROM ${written(name)}`, run: true });
    void navigate({ to: "/query", search: { tab: tab.id } });
  };
  return (
    <Loaded of={catalog}>
      {({ objects }) => {
        const object = objects.find((one) => one.name === name);
        if (!object) return <p className="p-4 text-muted">{t.gone}</p>;
        const facts = [
          [t.kind, object.kind.replaceAll("_", " ")],
          [t.mode, object.mode],
          [t.eventTime, object.event_time_column],
          [t.key, object.primary_key],
          [t.description, object.description],
        ].filter(([, value]) => value);
        return (
          <div className="flex flex-col gap-3 p-3">
            <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
              {facts.map(([label, value]) => (
                <div key={label} className="contents">
                  <dt className="text-muted">{label}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
            <div className="flex flex-wrap items-center gap-2">
              <Button icon={Play} onClick={follow}>
                {t.query}
              </Button>
              {EXPLORED.has(object.kind) && (
                <Go
                  to={`/explore/${encodeURIComponent(name)}`}
                  className="inline-flex min-h-7 items-center gap-1.5 rounded-md border border-edge/50 px-2.5 py-1 font-medium hover:bg-accent-soft"
                >
                  <ChartSpline aria-hidden size={14} />
                  {t.explore}
                </Go>
              )}
            </div>
            <h3 className="text-xs font-semibold text-muted">
              {t.columns} ({object.columns.length})
            </h3>
            <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
              {object.columns.map((column) => (
                <div key={column.name} className="contents">
                  <dt className="font-mono text-xs leading-5">{column.name}</dt>
                  <dd className="text-muted">
                    {column.type}
                    {column.comment && <span className="block text-xs">{column.comment}</span>}
                  </dd>
                </div>
              ))}
            </dl>
          </div>
        );
      }}
    </Loaded>
  );
}
