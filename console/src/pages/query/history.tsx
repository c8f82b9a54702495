// Running and finished queries of the workspace: filter, cancel, open in a tab.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeft, History as HistoryIcon, RefreshCw, SquareTerminal } from "lucide-react";
import { call } from "@/api/client";
import { useMay, useMayChange } from "@/api/session";
import type { Query } from "@/api/types";
import { app } from "@/text/app";
import { query } from "@/text/query";
import { Status } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { DataTable, type TableColumn } from "@/ui/DataTable";
import { Empty } from "@/ui/Empty";
import { ChoiceField } from "@/ui/Field";
import { age, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { SqlCell } from "@/ui/SqlCell";
import { notify } from "@/ui/Toast";
import { openSql } from "./open";
import type { HistorySearch } from "./search";

const t = query.historyPage;
const EVERY_MS = 5_000;
const STATES = ["running", "finished", "canceled", "failed"];

const COLUMNS: TableColumn<Query>[] = [
  {
    id: "sql",
    title: t.sql,
    value: (one) => one.sql,
    cell: (one) => <SqlCell sql={one.sql} />,
  },
  {
    id: "status",
    title: t.status,
    value: (one) => one.status,
    cell: (one) => <Status value={one.status} />,
  },
  {
    id: "user",
    title: t.user,
    value: (one) => one.created_by.name,
    cell: (one) => one.created_by.name,
  },
  {
    id: "started",
    title: t.started,
    value: (one) => one.start_time,
    cell: (one) => <span className="whitespace-nowrap">{time(one.start_time * 1000)}</span>,
  },
  {
    id: "duration",
    title: t.duration,
    numeric: true,
    value: (one) => one.duration,
    cell: (one) => age(one.duration * 1000),
  },
  {
    id: "message",
    title: t.message,
    value: (one) => one.message,
    cell: (one) => (
      <span className="block max-w-56 truncate text-xs" title={one.message}>
        {one.message}
      </span>
    ),
  },
  { id: "name", title: t.name, value: (one) => one.name, cell: (one) => one.name, extra: true },
];

export default function History() {
  const client = useQueryClient();
  const queries = useQuery({
    queryKey: ["queries"],
    queryFn: () => call<Query[]>("queries"),
    refetchInterval: EVERY_MS,
  });
  return (
    <Page
      title={t.title}
      actions={
        <>
          <Link
            to="/query"
            className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-2.5 font-medium text-accent hover:bg-accent-soft"
          >
            <ArrowLeft aria-hidden size={14} />
            {t.back}
          </Link>
          <IconButton
            icon={RefreshCw}
            label={query.refresh}
            onClick={() => void client.invalidateQueries({ queryKey: ["queries"] })}
          />
        </>
      }
    >
      <Loaded of={queries}>{(all) => <List all={all} />}</Loaded>
    </Page>
  );
}

function List({ all }: { all: Query[] }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const may = useMay();
  const mayEnd = useMayChange("write:query");
  const { user = "", status: state = "" } = useSearch({ strict: false }) as HistorySearch;
  const patch = (change: HistorySearch) =>
    void navigate({
      to: "/query/history",
      replace: true,
      search: (old: HistorySearch) => ({ ...old, ...change }),
    });
  const users = [...new Set(all.map((one) => one.created_by.name))].sort();
  const shown = all
    .filter((one) => (!user || one.created_by.name === user) && (!state || one.status === state))
    .toSorted((a, b) => b.start_time - a.start_time);
  const open = (one: Query) => {
    const tab = openSql(client, { sql: one.sql });
    void navigate({ to: "/query", search: { tab: tab.id } });
  };
  const cancel = async (some: Query[], clear: () => void) => {
    try {
      for (const one of some) await call(`queries/${one.id}/cancel`, { body: {} });
      notify(t.canceled);
      clear();
    } catch (error) {
      notify((error as Error).message, "bad");
    }
    void client.invalidateQueries({ queryKey: ["queries"] });
  };
  const columns: TableColumn<Query>[] = [
    ...COLUMNS,
    {
      id: "actions",
      title: "",
      cell: (one) => (
        <span className="flex justify-end gap-1">
          {one.status === "running" && mayEnd(one) && (
            <Button onClick={() => void cancel([one], () => {})}>{t.cancel}</Button>
          )}
          <IconButton icon={SquareTerminal} label={t.open} onClick={() => open(one)} />
        </span>
      ),
    },
  ];
  return (
    <DataTable
      label={t.label}
      rows={shown}
      columns={columns}
      id={(one) => one.id}
      onOpen={open}
      bulk={
        may("write:query")
          ? (some, clear) => {
              const running = some.filter((one) => one.status === "running" && mayEnd(one));
              return running.length ? (
                <Button look="danger" onClick={() => void cancel(running, clear)}>
                  {t.cancelAll(running.length)}
                </Button>
              ) : (
                <Button look="quiet" onClick={clear}>
                  {app.cancel}
                </Button>
              );
            }
          : undefined
      }
      filters={
        <>
          <ChoiceField
            label={t.user}
            bare
            value={user}
            choices={[
              { value: "", label: t.allUsers },
              ...users.map((name) => ({ value: name, label: name })),
            ]}
            onChange={(event) => patch({ user: event.target.value || undefined })}
            className="w-36"
          />
          <ChoiceField
            label={t.status}
            bare
            value={state}
            choices={[
              { value: "", label: t.allStates },
              ...STATES.map((name) => ({ value: name, label: name })),
            ]}
            onChange={(event) => patch({ status: event.target.value || undefined })}
            className="w-32"
          />
        </>
      }
      empty={
        user || state ? undefined : (
          <Empty icon={HistoryIcon} title={t.empty}>
            {t.emptyWhy}
          </Empty>
        )
      }
    />
  );
}
