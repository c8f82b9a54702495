// What feeds what: the workspace's graph with rates, back-pressure and states.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Network } from "lucide-react";
import { useMemo, useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { useOpenPanel } from "@/app/panels";
import { lineage as text } from "@/text/lineage";
import { Button } from "@/ui/Button";
import { Empty } from "@/ui/Empty";
import { Failure } from "@/ui/Failure";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Bar } from "./Bar";
import { Canvas } from "./Canvas";
import { type Choice, chosen, type Graph, type GraphNode, grouped, NODES_MAX } from "./graph";
import { NodeTable } from "./NodeTable";
import { graphQuery, useRefresh } from "./rates";
import { type LineageSearch, NO_FILTER } from "./search";

export default function Lineage() {
  const may = useMay();
  const go = useGo();
  const [stale, setStale] = useState<Error | null>(null);
  const graph = useQuery(graphQuery);
  useRefresh(setStale);
  return (
    <Page title={text.title} fill>
      {stale && !graph.isError && <Failure error={stale} what={text.stale} />}
      <Loaded of={graph} what={text.failed}>
        {(all) =>
          all.nodes.length ? (
            <View graph={all} />
          ) : (
            <Empty icon={Network} title={text.empty}>
              {may("write:source") && (
                <Button look="primary" onClick={() => go("/sources/new")}>
                  {text.emptyAction}
                </Button>
              )}
            </Empty>
          )
        }
      </Loaded>
    </Page>
  );
}

/** The part of the graph that the address names. */
function usePart(graph: Graph, search: LineageSearch): Graph {
  const { q = "", kinds = "", state = "", tag = "", db = "", focus = "", depth = 1 } = search;
  return useMemo(() => {
    const of = new Set(kinds ? kinds.split(",") : []);
    const choice: Choice = { text: q, kinds: of, state, tag, db, focus, depth };
    return chosen(graph, choice);
  }, [graph, q, kinds, state, tag, db, focus, depth]);
}

function View({ graph }: { graph: Graph }) {
  const search = useSearch({ strict: false }) as LineageSearch;
  const navigate = useNavigate();
  const open = useOpenPanel();
  const change = (next: Partial<LineageSearch>) =>
    void navigate({
      to: ".",
      replace: true,
      search: (old: LineageSearch) => ({ ...old, ...next }) as never,
    });
  const part = usePart(graph, search);
  const large = part.nodes.length > NODES_MAX;
  const shown = useMemo(
    () =>
      large ? grouped(part, (n, type, db) => text.group(n, text.kind_[type] ?? type, db)) : part,
    [large, part],
  );
  // One group for all is no picture of anything: then the list is.
  const asTable = search.table || (large && shown.nodes.length === 1);
  const { table: _, ...choice } = search;
  const focus = (id: string) => change({ ...NO_FILTER, focus: id, depth: 1, table: undefined });
  const group = ({ type, db }: GraphNode) => change({ kinds: type, db: db || undefined });
  return (
    <>
      <Bar graph={graph} shown={shown} search={search} onChange={change} />
      {large && (
        <p role="status" className="border-b border-line px-3 py-1">
          {asTable ? text.tooMany(part.nodes.length) : text.collapsed(part.nodes.length)}
        </p>
      )}
      <div className="min-h-0 flex-1">
        {asTable ? (
          <div className="h-full overflow-auto p-3">
            <NodeTable graph={part} all={graph} onFocus={focus} />
          </div>
        ) : shown.nodes.length ? (
          <Canvas
            graph={shown}
            choice={JSON.stringify([large, choice])}
            onFocus={focus}
            onDetails={(id) => open("node", id)}
            onGroup={group}
          />
        ) : (
          <Empty icon={Network} title={text.nothing}>
            <Button onClick={() => change({ ...NO_FILTER, focus: undefined, depth: undefined })}>
              {text.focusOff}
            </Button>
          </Empty>
        )}
      </div>
    </>
  );
}
