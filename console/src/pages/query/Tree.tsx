// The catalog at the left: streams, views and their columns; a click writes the name.
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight, Info, Play, RefreshCw } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { type Catalog, type CatalogObject, isInternal } from "@/editor/catalog";
import { written } from "@/editor/scan";
import { insertText } from "@/editor/view";
import { query } from "@/text/query";
import { IconButton } from "@/ui/Button";
import { TextField } from "@/ui/Field";

const t = query.tree;
const ROW_PX = 24;

type Line =
  | { kind: "group"; key: string; label: string; count: number }
  | { kind: "object"; key: string; object: CatalogObject; open: boolean }
  | { kind: "column"; key: string; name: string; type: string };

interface Props {
  catalog: Catalog;
  onQuery: (object: CatalogObject) => void;
  onDetails: (object: CatalogObject) => void;
  onRefresh: () => void;
}

function linesOf(catalog: Catalog, text: string, open: ReadonlySet<string>): Line[] {
  const wanted = text.trim().toLowerCase();
  const lines: Line[] = [];
  for (const [kind, label] of Object.entries(t.groups)) {
    // What the server makes for itself, dead letters say, stands behind what people made.
    const objects = catalog.objects
      .filter((one) => one.kind === kind)
      .toSorted((a, b) => Number(isInternal(a)) - Number(isInternal(b)));
    const inside: Line[] = [];
    let count = 0;
    for (const object of objects) {
      const named = object.name.toLowerCase().includes(wanted);
      const columns = object.columns.filter((one) => one.name.toLowerCase().includes(wanted));
      if (!named && !columns.length) continue;
      count += 1;
      // What was looked for among the columns is shown without a further click.
      const unfolded = open.has(object.name) || (!!wanted && !named);
      inside.push({ kind: "object", key: object.name, object, open: unfolded });
      if (!unfolded) continue;
      for (const one of named ? object.columns : columns)
        inside.push({
          kind: "column",
          key: `${object.name}.${one.name}`,
          name: one.name,
          type: one.type,
        });
    }
    if (count) lines.push({ kind: "group", key: `:${kind}`, label, count }, ...inside);
  }
  return lines;
}

export function Tree({ catalog, onQuery, onDetails, onRefresh }: Props) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const lines = useMemo(() => linesOf(catalog, text, open), [catalog, text, open]);
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    getItemKey: (n) => lines[n]!.key,
  });
  const toggle = (name: string) => {
    const now = new Set(open);
    if (!now.delete(name)) now.add(name);
    setOpen(now);
  };
  return (
    <section aria-label={t.title} className="flex h-full min-h-0 flex-col bg-surface">
      <div className="flex items-center gap-1 p-1.5">
        <div className="min-w-0 flex-1">
          <TextField
            label={t.filter}
            bare
            type="search"
            data-page-search
            placeholder={t.filter}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <IconButton icon={RefreshCw} label={t.refresh} onClick={onRefresh} />
      </div>
      <div ref={box} className="min-h-0 flex-1 overflow-auto pb-2" tabIndex={-1}>
        <ul className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => (
            <li
              key={item.key}
              className="absolute inset-x-0"
              style={{ height: ROW_PX, transform: `translateY(${item.start}px)` }}
            >
              <LineOf
                line={lines[item.index]!}
                toggle={toggle}
                onQuery={onQuery}
                onDetails={onDetails}
              />
            </li>
          ))}
        </ul>
        {!lines.length && <p className="px-3 py-2 text-xs text-muted">{text ? t.none : t.empty}</p>}
      </div>
    </section>
  );
}

interface LineProps {
  line: Line;
  toggle: (name: string) => void;
  onQuery: (object: CatalogObject) => void;
  onDetails: (object: CatalogObject) => void;
}

function LineOf({ line, toggle, onQuery, onDetails }: LineProps) {
  if (line.kind === "group")
    return (
      <p className="flex h-6 items-center justify-between px-2 text-xs font-semibold text-muted">
        {line.label}
        <span className="font-normal">{line.count}</span>
      </p>
    );
  if (line.kind === "column")
    return (
      <button
        type="button"
        title={t.insert(line.name)}
        onClick={() => insertText(written(line.name))}
        className="flex h-6 w-full items-center gap-2 pr-2 pl-8 text-left hover:bg-accent-soft"
      >
        <span className="min-w-0 flex-1 truncate">{line.name}</span>
        <span className="max-w-[55%] shrink-0 truncate text-xs text-muted">{line.type}</span>
      </button>
    );
  const { object } = line;
  const Chevron = line.open ? ChevronDown : ChevronRight;
  return (
    <div className="group flex h-6 items-center pr-1 pl-1 hover:bg-accent-soft">
      <button
        type="button"
        aria-label={t.expand(object.name)}
        aria-expanded={line.open}
        onClick={() => toggle(object.name)}
        className="inline-flex size-6 shrink-0 items-center justify-center text-muted"
      >
        <Chevron aria-hidden size={14} />
      </button>
      <button
        type="button"
        title={t.insert(object.name)}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey) onDetails(object);
          else insertText(written(object.name));
        }}
        className="h-6 min-w-0 flex-1 truncate text-left"
      >
        {object.name}
      </button>
      <button
        type="button"
        aria-label={t.details(object.name)}
        title={t.details(object.name)}
        onClick={() => onDetails(object)}
        className="inline-flex size-6 shrink-0 items-center justify-center rounded text-muted opacity-0 group-hover:opacity-100 hover:text-accent focus-visible:opacity-100"
      >
        <Info aria-hidden size={13} />
      </button>
      <button
        type="button"
        aria-label={t.query(object.name)}
        title={t.query(object.name)}
        onClick={() => onQuery(object)}
        className="inline-flex size-6 shrink-0 items-center justify-center rounded text-muted opacity-0 group-hover:opacity-100 hover:text-accent focus-visible:opacity-100"
      >
        <Play aria-hidden size={13} />
      </button>
    </div>
  );
}
