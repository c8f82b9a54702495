// The list of dashboards, and the ways to a new one.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Download, FileUp, LayoutDashboard, LayoutTemplate, Plus } from "lucide-react";
import { useState } from "react";
import { useMay, useMayChange } from "@/api/session";
import type { Dashboard } from "@/api/types";
import { useGo } from "@/app/go";
import { dashboards } from "@/text/dashboards";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { DataTable, type TableColumn } from "@/ui/DataTable";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { ChoiceField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Go } from "@/ui/Go";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { boardOf, boardsQuery, useBoardCalls } from "./boards";
import { download, fileName } from "./download";
import { fileOf, tagsOf } from "./format";
import { Gallery } from "./Gallery";
import { Import } from "./Import";

function saveFile(dashboard: Dashboard): void {
  const text = `${JSON.stringify(fileOf(boardOf(dashboard)), null, 2)}\n`;
  download(new Blob([text], { type: "application/json" }), fileName(dashboard.name, "json"));
}

const COLUMNS: TableColumn<Dashboard>[] = [
  {
    id: "name",
    title: dashboards.name,
    value: (row) => row.name,
    cell: (row) => (
      <Go
        to={`/dashboards/${row.id}`}
        className="leading-6 font-medium text-accent hover:underline"
      >
        {row.name}
      </Go>
    ),
  },
  {
    id: "tags",
    title: dashboards.tags,
    value: (row) => tagsOf(row.description).join(" "),
    cell: (row) => (
      <span className="flex flex-wrap gap-1">
        {tagsOf(row.description).map((tag) => (
          <Badge key={tag}>#{tag}</Badge>
        ))}
      </span>
    ),
  },
  {
    id: "panels",
    title: dashboards.panels,
    numeric: true,
    value: (row) => row.panels.length,
    cell: (row) => row.panels.length,
  },
  {
    id: "owner",
    title: dashboards.owner,
    value: (row) => row.created_by.name,
    cell: (row) => row.created_by.name,
  },
  {
    id: "updated",
    title: dashboards.updated,
    value: (row) => row.last_updated_at,
    cell: (row) => time(`${row.last_updated_at}Z`),
  },
  {
    id: "file",
    title: "JSON",
    cell: (row) => (
      <IconButton
        icon={Download}
        label={`${dashboards.file.exportJson}: ${row.name}`}
        onClick={() => saveFile(row)}
      />
    ),
  },
  {
    id: "description",
    title: dashboards.description,
    extra: true,
    value: (row) => row.description,
    cell: (row) => row.description,
  },
];

export default function Dashboards() {
  const list = useQuery(boardsQuery);
  const may = useMay();
  const go = useGo();
  const calls = useBoardCalls();
  const [open, setOpen] = useState<"import" | "templates" | null>(null);
  const mayWrite = may("write:dashboard");
  const shown = (dashboard: Dashboard) => {
    notify(dashboards.made(dashboard.name));
    go(`/dashboards/${dashboard.id}`);
  };
  const create = useMutation({
    mutationFn: () =>
      calls.create({ name: dashboards.create, description: "", panels: [], rest: {} }),
    onSuccess: (made) => go(`/dashboards/${made.id}?edit=true`),
    onError: (error) => notify(error.message, "bad"),
  });
  const actions = mayWrite && (
    <>
      <Button icon={FileUp} onClick={() => setOpen("import")}>
        {dashboards.import}
      </Button>
      <Button icon={LayoutTemplate} onClick={() => setOpen("templates")}>
        {dashboards.templates}
      </Button>
      <Button look="primary" icon={Plus} busy={create.isPending} onClick={() => create.mutate()}>
        {dashboards.create}
      </Button>
    </>
  );
  return (
    <Page title={dashboards.title} actions={actions}>
      <Loaded of={list}>
        {(rows) =>
          rows.length ? (
            <List rows={rows} />
          ) : (
            <>
              <Empty icon={LayoutDashboard} title={dashboards.empty}>
                {mayWrite && <p>{dashboards.emptyHint}</p>}
              </Empty>
              {mayWrite && (
                <section aria-label={dashboards.templates} className="mx-auto max-w-4xl">
                  <Gallery onMade={shown} />
                </section>
              )}
            </>
          )
        }
      </Loaded>
      {open === "import" && <Import onClose={() => setOpen(null)} onMade={shown} />}
      {open === "templates" && (
        <Dialog open wide onClose={() => setOpen(null)} title={dashboards.templates}>
          <Gallery onMade={shown} />
        </Dialog>
      )}
    </Page>
  );
}

function List({ rows }: { rows: Dashboard[] }) {
  const mayChange = useMayChange("write:dashboard");
  const calls = useBoardCalls();
  const [tag, setTag] = useState("");
  const [doomed, setDoomed] = useState<Dashboard[]>([]);
  const tags = [...new Set(rows.flatMap((row) => tagsOf(row.description)))].sort();
  const shown = tag ? rows.filter((row) => tagsOf(row.description).includes(tag)) : rows;
  return (
    <>
      <DataTable
        label={dashboards.title}
        rows={shown}
        columns={COLUMNS}
        id={(row) => row.id}
        filters={
          tags.length > 0 && (
            <div className="w-40">
              <ChoiceField
                bare
                label={dashboards.tags}
                value={tag}
                choices={[
                  { value: "", label: dashboards.allTags },
                  ...tags.map((one) => ({ value: one, label: `#${one}` })),
                ]}
                onChange={(event) => setTag(event.target.value)}
              />
            </div>
          )
        }
        {...(rows.some(mayChange) && {
          choosable: mayChange,
          bulk: (chosen: Dashboard[]) => (
            <Button look="danger" onClick={() => setDoomed(chosen)}>
              {dashboards.panel.remove}
            </Button>
          ),
        })}
      />
      <Confirm
        open={doomed.length > 0}
        onClose={() => setDoomed([])}
        title={dashboards.removeTitle(doomed.length)}
        action={dashboards.panel.remove}
        run={async () => {
          await calls.remove(doomed.map((one) => one.id));
          notify(dashboards.removed(doomed.length));
        }}
      >
        <ul className="mb-2 list-disc pl-5">
          {doomed.map((one) => (
            <li key={one.id}>{one.name}</li>
          ))}
        </ul>
        <p className="text-muted">{dashboards.removeHint}</p>
      </Confirm>
    </>
  );
}
