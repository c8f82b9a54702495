// What is known of the chosen node: rates, lag, last error, neighbours, the way to its page.
import { Focus, X } from "lucide-react";
import { app } from "@/text/app";
import { lineage as text } from "@/text/lineage";
import { Status } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { age, compact, time } from "@/ui/format";
import { Go } from "@/ui/Go";
import type { Graph, GraphNode } from "./graph";
import { useNodeRate } from "./rates";

const PAGES: Record<string, (key: string, name: string) => string> = {
  stream: (_, name) => `/streams/${encodeURIComponent(name)}`,
  random_stream: (_, name) => `/streams/${encodeURIComponent(name)}`,
  view: (_, name) => `/views/${encodeURIComponent(name)}`,
  materialized_view: (_, name) => `/views/${encodeURIComponent(name)}`,
  external_stream: (_, name) => `/external/streams/${encodeURIComponent(name)}`,
  external_table: (_, name) => `/external/tables/${encodeURIComponent(name)}`,
  source: (key) => `/sources/${encodeURIComponent(key)}`,
  sink: (key) => `/sinks/${encodeURIComponent(key)}`,
  alert: (key) => `/alerts/${encodeURIComponent(key)}`,
  dashboard: (key) => `/dashboards/${encodeURIComponent(key)}`,
  savedquery: (key) => `/query?saved=${encodeURIComponent(key)}`,
};

/** The page of a node, "" for kinds without one. */
export function pageOf({ id, type, name }: GraphNode): string {
  return PAGES[type]?.(id.slice(id.indexOf(":") + 1), name) ?? "";
}

interface Props {
  node: GraphNode;
  graph: Graph;
  onFocus: (id: string) => void;
  onClose: () => void;
}

export function Details({ node, graph, onFocus, onClose }: Props) {
  const rate = useNodeRate(node.id);
  const page = pageOf(node);
  const names = (ids: string[]) =>
    graph.nodes
      .filter((one) => ids.includes(one.id))
      .map((one) => one.name)
      .join(", ");
  const before = names(graph.edges.filter((e) => e.target === node.id).map((e) => e.source));
  const after = names(graph.edges.filter((e) => e.source === node.id).map((e) => e.target));
  const lines: [string, string][] = rate
    ? [
        [`${text.rows} ${text.in}`, compact(rate.rows_in)],
        [`${text.rows} ${text.out}`, compact(rate.rows_out)],
        [text.lag, rate.lag_ms ? age(rate.lag_ms) : ""],
        [text.pressure, rate.pressure ? `${Math.round(rate.pressure * 100)} %` : ""],
        [text.upstream, before],
        [text.downstream, after],
      ]
    : [];
  return (
    <aside
      aria-label={node.name}
      className="absolute top-2 right-2 w-72 max-w-[calc(100%-1rem)] rounded-md border border-line bg-raised p-3 shadow-lg"
    >
      <div className="flex items-start gap-1">
        <div className="min-w-0 flex-1">
          <p className="text-xs text-muted">{text.kind_[node.type] ?? node.type}</p>
          <h2 className="font-semibold break-words">{node.name}</h2>
        </div>
        <IconButton icon={X} label={app.close} onClick={onClose} />
      </div>
      {(rate?.status ?? node.status) && <Status value={rate?.status ?? node.status} />}
      <dl className="mt-2 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1">
        {lines
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name} className="contents">
              <dt className="text-muted">{name}</dt>
              <dd className="break-words tabular-nums">{value}</dd>
            </div>
          ))}
      </dl>
      {rate?.last_error && (
        <p className="mt-2 text-xs break-words text-bad">
          {rate.last_error} {rate.last_error_ms ? `(${time(rate.last_error_ms)})` : ""}
        </p>
      )}
      <div className="mt-3 flex gap-2">
        {page && (
          <Go
            to={page}
            className="inline-flex min-h-7 items-center rounded-md border border-edge/50 px-2.5"
          >
            {text.open}
          </Go>
        )}
        <Button icon={Focus} onClick={() => onFocus(node.id)}>
          {text.focus}
        </Button>
      </div>
    </aside>
  );
}
