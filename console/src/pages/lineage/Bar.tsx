// Search, filters, focus, slowest node and export of the lineage page.
import { Download, Focus, Gauge, Table, Workflow } from "lucide-react";
import { lineage as text } from "@/text/lineage";
import { Button } from "@/ui/Button";
import { type Choice, ChoiceField, TextField } from "@/ui/Field";
import { Menu } from "@/ui/Menu";
import { notify } from "@/ui/Toast";
import { savePng, saveSvg } from "./drawing";
import { type Graph, STATES } from "./graph";
import { allNodeRates } from "./rates";
import { type LineageSearch, NO_FILTER } from "./search";

interface Props {
  graph: Graph;
  shown: Graph;
  search: LineageSearch;
  onChange: (change: Partial<LineageSearch>) => void;
}

const choices = (all: string, values: string[], label: (value: string) => string): Choice[] => [
  { value: "", label: all },
  ...[...new Set(values)].sort().map((value) => ({ value, label: label(value) })),
];

/** Choices of what the graph has; those that would choose nothing are left out. */
function filters(graph: Graph): { key: "kinds" | "state" | "tag" | "db"; choices: Choice[] }[] {
  const dbs = choices(
    text.allOf.db,
    graph.nodes.map((node) => node.db),
    (db) => db,
  );
  const tags = choices(
    text.allOf.tag,
    graph.nodes.flatMap((node) => node.tags),
    (tag) => tag,
  );
  return [
    {
      key: "kinds",
      choices: choices(
        text.allOf.kinds,
        graph.nodes.map((node) => node.type),
        (kind) => text.kind_[kind] ?? kind,
      ),
    },
    { key: "state", choices: choices(text.allOf.state, [...STATES], (state) => state) },
    ...(tags.length > 1 ? [{ key: "tag" as const, choices: tags }] : []),
    ...(dbs.length > 2 ? [{ key: "db" as const, choices: dbs }] : []),
  ];
}

export function Bar({ graph, shown, search, onChange }: Props) {
  const focused = graph.nodes.find((node) => node.id === search.focus);
  const slowest = () => {
    const worst = allNodeRates().sort((a, b) => b.pressure - a.pressure)[0];
    if (!worst || worst.pressure <= 0) notify(text.slowestNone);
    else onChange({ ...NO_FILTER, table: undefined, focus: worst.id, depth: 1 });
  };
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
      <div className="w-48">
        <TextField
          label={text.search}
          bare
          type="search"
          data-page-search
          placeholder={text.search}
          value={search.q ?? ""}
          onChange={(event) => onChange({ q: event.target.value || undefined })}
        />
      </div>
      {filters(graph).map(({ key, choices: of }) => (
        <div key={key} className="w-36">
          <ChoiceField
            label={text.filter[key]}
            bare
            value={search[key] ?? ""}
            choices={of}
            onChange={(event) => onChange({ [key]: event.target.value || undefined })}
          />
        </div>
      ))}
      {focused && (
        <>
          <ChoiceField
            label={text.focus}
            bare
            value={String(search.depth ?? 1)}
            choices={[1, 2, 3].map((n) => ({
              value: String(n),
              label: `${focused.name}: ${text.focusDepth(n)}`,
            }))}
            onChange={(event) => onChange({ depth: Number(event.target.value) })}
          />
          <Button icon={Focus} onClick={() => onChange({ focus: undefined, depth: undefined })}>
            {text.focusOff}
          </Button>
        </>
      )}
      <div className="ml-auto flex flex-wrap gap-2">
        <Button icon={Gauge} onClick={slowest}>
          {text.slowest}
        </Button>
        <Button
          icon={search.table ? Workflow : Table}
          onClick={() => onChange({ table: search.table ? undefined : true })}
        >
          {search.table ? text.graph : text.table}
        </Button>
        <Menu
          trigger={<Button icon={Download}>{text.export}</Button>}
          items={[
            { label: text.svg, onSelect: () => saveSvg(shown) },
            {
              label: text.png,
              onSelect: () => {
                savePng(shown).catch((error: Error) => notify(error.message, "bad"));
              },
            },
          ]}
        />
      </div>
    </div>
  );
}
