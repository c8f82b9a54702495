// Saved queries: find by name or tag, open, edit what is said about them, delete.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Bookmark, Link2, Pencil, SquareTerminal } from "lucide-react";
import { useState } from "react";
import { call } from "@/api/client";
import { useMayChange } from "@/api/session";
import type { SavedQuery } from "@/api/types";
import { workspace } from "@/app/place";
import { query } from "@/text/query";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { copyText } from "@/ui/Copy";
import { DataTable, type TableColumn } from "@/ui/DataTable";
import { Confirm } from "@/ui/Dialog";
import { Empty } from "@/ui/Empty";
import { ChoiceField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { SqlCell } from "@/ui/SqlCell";
import { notify } from "@/ui/Toast";
import { EditSaved } from "./EditSaved";

const t = query.savedPage;

export default function Saved() {
  const saved = useQuery({
    queryKey: ["savedqueries"],
    queryFn: () => call<SavedQuery[]>("savedqueries"),
  });
  return (
    <Page title={t.title}>
      <Loaded of={saved}>{(all) => <List all={all} />}</Loaded>
    </Page>
  );
}

const COLUMNS: TableColumn<SavedQuery>[] = [
  { id: "name", title: t.name, value: (one) => one.name, cell: (one) => one.name },
  {
    id: "tags",
    title: t.tags,
    value: (one) => one.tags.join(" "),
    cell: (one) => (
      <span className="flex flex-wrap gap-1">
        {one.tags.map((tag) => (
          <Badge key={tag}>{tag}</Badge>
        ))}
      </span>
    ),
  },
  {
    id: "sql",
    title: t.sql,
    value: (one) => one.sql,
    cell: (one) => <SqlCell sql={one.sql} />,
  },
  {
    id: "description",
    title: t.description,
    value: (one) => one.description,
    cell: (one) => one.description,
    extra: true,
  },
  {
    id: "owner",
    title: t.owner,
    value: (one) => one.created_by.name,
    cell: (one) => one.created_by.name,
  },
  {
    id: "changed",
    title: t.changed,
    value: (one) => one.last_updated_at,
    // The API's times are UTC without saying so.
    cell: (one) => (
      <span className="whitespace-nowrap">{time(`${one.last_updated_at.replace(" ", "T")}Z`)}</span>
    ),
  },
];

/** The lasting address of a saved query. */
function linkOf(one: SavedQuery): string {
  const place = workspace() ? `?ws=${encodeURIComponent(workspace())}` : "";
  return new URL(`./saved/${encodeURIComponent(one.id)}${place}`, document.baseURI).href;
}

function List({ all }: { all: SavedQuery[] }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const mayChange = useMayChange("write:savedquery");
  const [tag, setTag] = useState("");
  const [editing, setEditing] = useState<SavedQuery | null>(null);
  const [removing, setRemoving] = useState<{ some: SavedQuery[]; clear: () => void } | null>(null);
  const tags = [...new Set(all.flatMap((one) => one.tags))].sort();
  const open = (one: SavedQuery) => void navigate({ to: "/query", search: { saved: one.id } });
  const again = () => client.invalidateQueries({ queryKey: ["savedqueries"] });
  const copy = (one: SavedQuery) =>
    copyText(linkOf(one))
      .then(() => notify(query.shared))
      .catch((error: Error) => notify(error.message, "bad"));
  const remove = async () => {
    for (const one of removing?.some ?? [])
      await call(`savedqueries/${encodeURIComponent(one.id)}`, { method: "DELETE" });
    notify(t.removed);
    removing?.clear();
    await again();
  };
  const columns: TableColumn<SavedQuery>[] = [
    ...COLUMNS,
    {
      id: "actions",
      title: "",
      cell: (one) => (
        <span className="flex justify-end">
          <IconButton icon={SquareTerminal} label={t.open} onClick={() => open(one)} />
          <IconButton icon={Link2} label={t.copyLink} onClick={() => void copy(one)} />
          {mayChange(one) && (
            <IconButton icon={Pencil} label={t.edit} onClick={() => setEditing(one)} />
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      <DataTable
        label={t.title}
        rows={all.filter((one) => !tag || one.tags.includes(tag))}
        columns={columns}
        id={(one) => one.id}
        onOpen={open}
        choosable={mayChange}
        bulk={
          all.some(mayChange)
            ? (some, clear) => (
                <Button look="danger" onClick={() => setRemoving({ some, clear })}>
                  {t.remove}
                </Button>
              )
            : undefined
        }
        filters={
          tags.length > 0 && (
            <ChoiceField
              label={t.tags}
              bare
              value={tag}
              choices={[
                { value: "", label: t.allTags },
                ...tags.map((name) => ({ value: name, label: name })),
              ]}
              onChange={(event) => setTag(event.target.value)}
              className="w-36"
            />
          )
        }
        empty={
          <Empty icon={Bookmark} title={t.empty}>
            <p>{t.emptyWhy}</p>
            <Link to="/query" className="font-medium text-accent underline">
              {t.goQuery}
            </Link>
          </Empty>
        }
      />
      {editing && (
        <EditSaved one={editing} onClose={() => setEditing(null)} onSaved={() => void again()} />
      )}
      <Confirm
        open={!!removing}
        onClose={() => setRemoving(null)}
        title={t.removeAsk(removing?.some.length ?? 0)}
        action={t.remove}
        run={remove}
      >
        <ul className="list-disc pl-4">
          {removing?.some.map((one) => (
            <li key={one.id}>{one.name}</li>
          ))}
        </ul>
      </Confirm>
    </>
  );
}
