// The functions of the workspace, and those that are built in with their examples.
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Braces, Plus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useMay } from "@/api/session";
import { NamedList } from "@/forms/NamedList";
import { NewDialog } from "@/forms/NewDialog";
import { functions as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { time } from "@/ui/format";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { BuiltIns } from "./BuiltIns";
import { createUdf, removeUdf, type Udf, udfsQuery } from "./calls";
import { bodyOf, EMPTY, sample } from "./draft";
import { FunctionForm } from "./FunctionForm";

export default function Functions() {
  const navigate = useNavigate();
  const may = useMay();
  const { tab = "own" } = useSearch({ strict: false }) as { tab?: string };
  const [adding, setAdding] = useState(false);
  const create = may("write:udf") && (
    <Button look="primary" icon={Plus} onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  return (
    <Page title={text.title} actions={create}>
      <Tabs
        label={text.title}
        value={tab}
        onChange={(next) =>
          void navigate({ to: ".", search: (old: object) => ({ ...old, tab: next }) as never })
        }
        tabs={[
          {
            value: "own",
            label: text.tabs.own,
            content: (
              <div className="pt-3">
                <Own create={create} />
              </div>
            ),
          },
          {
            value: "builtin",
            label: text.tabs.builtIn,
            content: (
              <div className="pt-3">
                <BuiltIns />
              </div>
            ),
          },
        ]}
      />
      {adding && <NewFunction onClose={() => setAdding(false)} />}
    </Page>
  );
}

export const signatureOf = (udf: Udf): string => {
  const args = udf.arguments.map((arg) => [arg.name, arg.type].filter(Boolean).join(" "));
  return `${udf.name}(${args.join(", ")})${udf.return_type ? ` → ${udf.return_type}` : ""}`;
};

function Own({ create }: { create: ReactNode }) {
  const may = useMay();
  const list = useQuery(udfsQuery);
  return (
    <NamedList
      of={list}
      label={text.title}
      path="/functions"
      icon={Braces}
      empty={text.empty}
      create={create}
      remove={
        may("write:udf") ? { one: removeUdf, title: text.remove, why: text.removeWhy } : undefined
      }
      columns={[
        { id: "name", title: text.name, value: (one) => one.name, cell: (one) => one.name },
        {
          id: "kind",
          title: text.language,
          value: (one) => one.type,
          cell: (one) => (
            <span className="inline-flex gap-1">
              <Badge>{text.languages[one.type] ?? one.type}</Badge>
              {one.is_aggregation && <Badge tone="info">{text.aggregateBadge}</Badge>}
            </span>
          ),
        },
        {
          id: "signature",
          title: text.signature,
          value: signatureOf,
          cell: (one) => (
            <span className="line-clamp-1 max-w-96 font-mono text-xs">{signatureOf(one)}</span>
          ),
        },
        {
          id: "description",
          title: text.description,
          value: (one) => one.description,
          cell: (one) => <span className="line-clamp-1 max-w-96">{one.description}</span>,
        },
        {
          id: "changed",
          title: text.changed,
          value: (one) => one.last_updated_at,
          cell: (one) => time(`${one.last_updated_at}Z`),
        },
      ]}
    />
  );
}

function NewFunction({ onClose }: { onClose: () => void }) {
  const [draft, setDraft] = useState({ ...EMPTY, source: sample(EMPTY) });
  return (
    <NewDialog
      title={text.create}
      onClose={onClose}
      create={() => createUdf(bodyOf(draft))}
      page={`/functions/${encodeURIComponent(draft.name)}`}
    >
      <FunctionForm draft={draft} onChange={setDraft} />
    </NewDialog>
  );
}
