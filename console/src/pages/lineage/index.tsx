// What feeds what: the workspace's graph with rates, back-pressure and states.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Network } from "lucide-react";
import { useMemo, useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { lineage as text } from "@/text/lineage";
import { Button } from "@/ui/Button";
import { Empty } from "@/ui/Empty";
import { Failure } from "@/ui/Failure";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { Bar } from "./Bar";
import { Canvas } from "./Canvas";
import { type Choice, chosen, type Graph, grouped, NODES_MAX } from "./graph";
import { NodeTable } from "./NodeTable";
import { type Rates, readRates, takeRates, useRefresh } from "./rates";

const STRUCTURE_MS = 15_000;

export interface LineageSearch {
  q?: string;
  kinds?: string;
  failed?: boolean;
  focus?: string;
  depth?: number;
  table?: boolean;
}

const graphOf = (rates: Rates): Graph => ({
  nodes: rates.nodes.map(({ id, name, type, status }) => ({ id, name, type, status })),
  edges: rates.edges.map(({ source, target }) => ({ source, target })),
});

export default function Lineage() {
  const may = useMay();
  const go = useGo();
  const [stale, setStale] = useState<Error | null>(null);
  const graph = useQuery({
    queryKey: ["lineage"],
    queryFn: async () => {
      const rates = await readRates();
      takeRates(rates);
      return graphOf(rates);
    },
    refetchInterval: STRUCTURE_MS,
  });
  useRefresh(setStale);
  return (
    <Page title={text.title} fill>
      {stale && <Failure error={stale} />}
      <Loaded of={graph}>
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

function View({ graph }: { graph: Graph }) {
  const search = useSearch({ strict: false }) as LineageSearch;
  const navigate = useNavigate();
  const change = (next: Partial<LineageSearch>) =>
    void navigate({
      to: ".",
      replace: true,
      search: (old: LineageSearch) => ({ ...old, ...next }) as never,
    });
  const choice: Choice = useMemo(
    () => ({
      text: search.q ?? "",
      kinds: new Set(search.kinds ? search.kinds.split(",") : []),
      failed: search.failed ?? false,
      focus: search.focus ?? "",
      depth: search.depth ?? 1,
    }),
    [search.q, search.kinds, search.failed, search.focus, search.depth],
  );
  const part = useMemo(() => chosen(graph, choice), [graph, choice]);
  const large = part.nodes.length > NODES_MAX && !search.table;
  const shown = useMemo(
    () => (large ? grouped(part, (n, type) => text.group(n, text.kind_[type] ?? type)) : part),
    [large, part],
  );
  return (
    <>
      <Bar graph={graph} shown={shown} search={search} onChange={change} />
      {large && (
        <p className="border-b border-line px-3 py-1">{text.collapsed(part.nodes.length)}</p>
      )}
      <div className="min-h-0 flex-1">
        {search.table ? (
          <div className="h-full overflow-auto p-3">
            <NodeTable graph={part} onFocus={(focus) => change({ focus, table: undefined })} />
          </div>
        ) : (
          <Canvas
            graph={shown}
            onFocus={(focus) => change({ focus })}
            onKind={(kinds) => change({ kinds })}
          />
        )}
      </div>
    </>
  );
}
