// What feeds an object and what reads it, from the workspace's graph.
import { useQuery } from "@tanstack/react-query";
import { pageOf } from "@/app/nodePages";
import { streams as text } from "@/text/streams";
import { Badge } from "@/ui/Badge";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { type Graph, topologyQuery } from "./calls";

export function Uses({ name }: { name: string }) {
  const graph = useQuery(topologyQuery);
  return (
    <Loaded of={graph}>
      {(all) => {
        const own = new Set(
          all.nodes
            .filter((node) => node.name === name && /stream|view|table/.test(node.type))
            .map((node) => node.id),
        );
        const before = all.edges.filter((edge) => own.has(edge.target)).map((edge) => edge.source);
        const after = all.edges.filter((edge) => own.has(edge.source)).map((edge) => edge.target);
        return (
          <div className="grid gap-4 pt-3 sm:grid-cols-2">
            <Side title={text.fedBy} none={text.readsNone} ids={before} graph={all} />
            <Side title={text.readBy} none={text.usesNone} ids={after} graph={all} />
          </div>
        );
      }}
    </Loaded>
  );
}

function Side(props: { title: string; none: string; ids: string[]; graph: Graph }) {
  const nodes = props.graph.nodes.filter((node) => props.ids.includes(node.id));
  return (
    <section className="rounded-lg border border-line bg-surface p-3">
      <h2 className="mb-2 text-xs font-semibold text-muted">{props.title}</h2>
      {!nodes.length && <p className="text-muted">{props.none}</p>}
      <ul className="flex flex-col gap-1">
        {nodes.map((node) => {
          const page = pageOf(node);
          return (
            <li key={node.id} className="flex items-center gap-2">
              <Badge>{node.type.replace("_", " ")}</Badge>
              {page ? (
                <Go to={page} className="truncate leading-6 text-accent hover:underline">
                  {node.name}
                </Go>
              ) : (
                <span className="truncate">{node.name}</span>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
