// The query page: tabs, catalog, editor, and what the statements gave.
import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { PanelLeftClose, PanelLeftOpen } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import type { CatalogObject, Catalog as CatalogOf } from "@/editor/catalog";
import { catalogQuery } from "@/editor/catalogQuery";
import { written } from "@/editor/scan";
import type { Host } from "@/editor/setup";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { IconButton } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { Skeleton } from "@/ui/Skeleton";
import { actionsOf, chosen } from "./actions";
import { useAddress } from "./address";
import { ErrorPanel } from "./ErrorPanel";
import { useQueryKeys } from "./keys";
import { openSql } from "./open";
import { Results } from "./Results";
import { SampleStream } from "./SampleStream";
import { SaveDialog } from "./SaveDialog";
import { Split, useSize } from "./Split";
import type { QuerySearch } from "./search";
import { TabStrip } from "./TabStrip";
import { Toolbar } from "./Toolbar";
import { Tree } from "./Tree";
import { change, useTabs } from "./tabs";
import { setShown } from "./title";
import { useOpenObject } from "./useOpenObject";

const Editor = lazy(() => import("@/editor/Editor"));
const TREE_KEY = "tailrace.query.tree";
const WIDE = "(min-width: 768px)";
const TREE = { usual: 230, min: 150, max: 520 };
const EDITOR = { usual: 190, min: 72, max: 700 };

export default function QueryPage() {
  const search = useSearch({ strict: false }) as QuerySearch;
  const client = useQueryClient();
  const { tabs, active } = useTabs();
  const tab = tabs.find((one) => one.id === active)!;
  const catalog = useQuery(catalogQuery);
  const [saving, setSaving] = useState(false);
  const [sampling, setSampling] = useState(!!search.sample);
  const actions = useMemo(() => actionsOf(client, () => setSaving(true)), [client]);
  const openObject = useOpenObject();
  useAddress(search);
  useQueryKeys(actions);
  useEffect(() => {
    document.title = `${query.title} · ${app.name}`;
    setShown(true);
    return () => setShown(false);
  }, []);
  const host: Host = {
    catalog: () => catalog.data,
    changed: (sql) => change(tab.id, { sql }),
    run: actions.run,
    runOnHistory: () => actions.runOnHistory(),
    format: actions.format,
    save: actions.save,
    openObject: (object) => openObject(object.kind, object.name),
  };
  const [height, setHeight] = useSize("editor", EDITOR.usual);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <h1 className="sr-only">{query.title}</h1>
      <TabStrip />
      <div className="relative flex min-h-0 flex-1">
        <Catalog
          catalog={catalog}
          onDetails={(object) => openObject(object.kind, object.name)}
          onQuery={(object) =>
            openSql(client, { sql: `SELECT * FROM ${written(object.name)}`, run: true })
          }
        />
        <div className="flex min-h-0 min-w-0 flex-1 flex-col overflow-y-auto">
          <Toolbar tab={tab} actions={actions} />
          <div className="shrink-0 bg-surface" style={{ height: `min(${height}px, 42%)` }}>
            <Suspense fallback={<Skeleton lines={3} />}>
              <Editor
                tab={tab.id}
                text={tab.sql}
                host={host}
                catalog={catalog.data}
                finding={tab.trouble?.text === tab.sql ? tab.trouble.finding : null}
              />
            </Suspense>
          </div>
          <ErrorPanel tab={tab} />
          <Split
            label={query.splitEditor}
            along="row"
            size={height}
            min={EDITOR.min}
            max={EDITOR.max}
            onSize={setHeight}
          />
          <div className="min-h-64 flex-1 bg-surface">
            <Results key={tab.id} tab={tab} catalog={catalog.data} />
          </div>
        </div>
      </div>
      {sampling && <SampleStream onClose={() => setSampling(false)} />}
      {saving && (
        <SaveDialog
          tab={tab}
          statement={chosen().length === 1 ? chosen()[0] : undefined}
          onClose={() => setSaving(false)}
        />
      )}
    </div>
  );
}

interface CatalogProps {
  catalog: UseQueryResult<CatalogOf>;
  onDetails: (object: CatalogObject) => void;
  onQuery: (object: CatalogObject) => void;
}

/** Beside the editor; over it on small screens, where it is closed at first. */
function Catalog({ catalog, onDetails, onQuery }: CatalogProps) {
  const [width, setWidth] = useSize("catalog", TREE.usual);
  const [open, setOpen] = useState(() =>
    window.matchMedia(WIDE).matches ? localStorage.getItem(TREE_KEY) !== "0" : false,
  );
  const toggle = () => {
    localStorage.setItem(TREE_KEY, open ? "0" : "1");
    setOpen(!open);
  };
  if (!open)
    return (
      <div className="shrink-0 border-r border-line bg-surface p-0.5">
        <IconButton icon={PanelLeftOpen} label={query.tree.show} onClick={toggle} />
      </div>
    );
  return (
    <>
      <div
        className="relative flex shrink-0 flex-col bg-surface max-md:absolute max-md:inset-y-0 max-md:z-20 max-md:border-r max-md:border-line max-md:shadow-xl"
        style={{ width }}
      >
        <div className="flex items-center justify-between py-0.5 pr-0.5 pl-2">
          <h2 className="text-xs font-semibold text-muted">{query.tree.title}</h2>
          <IconButton icon={PanelLeftClose} label={query.tree.hide} onClick={toggle} />
        </div>
        <div className="min-h-0 flex-1">
          {catalog.data ? (
            <Tree
              catalog={catalog.data}
              onDetails={onDetails}
              onQuery={onQuery}
              onRefresh={() => void catalog.refetch()}
            />
          ) : catalog.error ? (
            <div className="px-2">
              <Failure error={catalog.error} retry={() => void catalog.refetch()} />
            </div>
          ) : (
            <Skeleton />
          )}
        </div>
      </div>
      <div className="hidden md:flex">
        <Split
          label={query.splitTree}
          along="column"
          size={width}
          min={TREE.min}
          max={TREE.max}
          onSize={setWidth}
        />
      </div>
    </>
  );
}
