// Search, filters, focus and export of the lineage page.
import { Download, Focus, Gauge, Table, Workflow } from "lucide-react";
import { lineage as text } from "@/text/lineage";
import { Button } from "@/ui/Button";
import { CheckField, ChoiceField, TextField } from "@/ui/Field";
import { Menu } from "@/ui/Menu";
import { notify } from "@/ui/Toast";
import type { LineageSearch } from ".";
import { savePng, saveSvg } from "./drawing";
import type { Graph } from "./graph";
import { allNodeRates } from "./rates";

interface Props {
  graph: Graph;
  shown: Graph;
  search: LineageSearch;
  onChange: (change: Partial<LineageSearch>) => void;
}

export function Bar({ graph, shown, search, onChange }: Props) {
  const kinds = [...new Set(graph.nodes.map((node) => node.type))].sort();
  const focused = graph.nodes.find((node) => node.id === search.focus);
  const slowest = () => {
    const worst = allNodeRates().sort((a, b) => b.pressure - a.pressure)[0];
    if (!worst || worst.pressure <= 0) notify(text.slowestNone);
    else onChange({ focus: worst.id, depth: 1 });
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
      <div className="w-40">
        <ChoiceField
          label={text.kinds}
          bare
          value={search.kinds ?? ""}
          choices={[
            { value: "", label: text.all },
            ...kinds.map((kind) => ({ value: kind, label: text.kind_[kind] ?? kind })),
          ]}
          onChange={(event) => onChange({ kinds: event.target.value || undefined })}
        />
      </div>
      <CheckField
        label={text.failedOnly}
        checked={search.failed ?? false}
        onChange={(event) => onChange({ failed: event.target.checked || undefined })}
      />
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
