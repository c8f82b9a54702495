// The side panel of a node of the graph: figures, their history, neighbours, definition, its page.
import { useQuery } from "@tanstack/react-query";
import { pageOf } from "@/app/nodePages";
import { type PanelProps, useOpenPanel } from "@/app/panels";
import { lineage as text } from "@/text/lineage";
import { CodeBlock } from "@/ui/Copy";
import { compact } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Sparkline } from "@/ui/Sparkline";
import { Facts } from "./Facts";
import type { Graph, GraphNode } from "./graph";
import { graphQuery, readRates } from "./rates";

const HISTORY_MS = 15_000;

/** `name`: the node's id in the graph. */
export default function NodePanel({ name }: PanelProps) {
  const graph = useQuery(graphQuery);
  return (
    <Loaded of={graph}>
      {(all) => {
        const node = all.nodes.find((one) => one.id === name);
        return node ? (
          <Content node={node} graph={all} />
        ) : (
          <p className="p-4 text-muted">{text.gone}</p>
        );
      }}
    </Loaded>
  );
}

function Content({ node, graph }: { node: GraphNode; graph: Graph }) {
  const page = pageOf(node);
  const before = graph.edges.filter((e) => e.target === node.id).map((e) => e.source);
  const after = graph.edges.filter((e) => e.source === node.id).map((e) => e.target);
  return (
    <div className="flex flex-col gap-4 p-3">
      <div>
        <p className="text-xs text-muted">{text.kind_[node.type] ?? node.type}</p>
        <h2 className="mb-1 text-sm font-semibold break-words">{node.name}</h2>
        <Facts node={node} />
      </div>
      <History id={node.id} />
      <Neighbours title={text.upstream} ids={before} graph={graph} />
      <Neighbours title={text.downstream} ids={after} graph={graph} />
      {node.tags.length > 0 && (
        <p className="text-muted">
          {text.tags}: {node.tags.join(", ")}
        </p>
      )}
      {node.sql && (
        <section>
          <h3 className="mb-1 text-xs font-semibold text-muted">{text.definition}</h3>
          <CodeBlock text={node.sql} label={text.definition} />
        </section>
      )}
      {page && (
        <p>
          <Go to={page} className="text-accent underline">
            {text.openPage(text.kind_[node.type] ?? node.type)}
          </Go>
        </p>
      )}
    </div>
  );
}

function History({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ["lineage", "history"],
    queryFn: () => readRates(true),
    refetchInterval: HISTORY_MS,
    select: (rates) => ({
      seconds: rates.interval_ms / 1000,
      of: rates.nodes.find((node) => node.id === id)?.history ?? null,
    }),
  });
  const values = data?.of?.rows_in.some(Boolean) ? data.of.rows_in : (data?.of?.rows_out ?? []);
  if (!data || values.length < 2 || !values.some(Boolean)) return null;
  const minutes = Math.max(1, Math.round((values.length * data.seconds) / 60));
  const most = compact(Math.max(...values));
  return (
    <section>
      <h3 className="mb-1 text-xs font-semibold text-muted">{text.history(minutes, most)}</h3>
      <Sparkline values={values} label={text.history(minutes, most)} />
    </section>
  );
}

function Neighbours({ title, ids, graph }: { title: string; ids: string[]; graph: Graph }) {
  const open = useOpenPanel();
  const nodes = graph.nodes.filter((node) => ids.includes(node.id));
  if (!nodes.length) return null;
  return (
    <section>
      <h3 className="mb-1 text-xs font-semibold text-muted">{title}</h3>
      <ul>
        {nodes.map((node) => (
          <li key={node.id} className="flex items-center gap-2">
            <span className="text-muted">{text.kind_[node.type] ?? node.type}</span>
            <button
              type="button"
              className="min-h-6 min-w-0 truncate text-left font-medium text-accent hover:underline"
              onClick={() => open("node", node.id)}
            >
              {node.name}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
