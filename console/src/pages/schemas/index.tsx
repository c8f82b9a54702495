// All format schemas of the workspace.
import { useQuery } from "@tanstack/react-query";
import { FileCode, Plus } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/session";
import { NamedList } from "@/forms/NamedList";
import { NewDialog } from "@/forms/NewDialog";
import { schemas as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { AreaField, ChoiceField, TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Page } from "@/ui/Page";
import { createSchema, removeSchema, schemasQuery, TYPES } from "./calls";

export default function FormatSchemas() {
  const may = useMay();
  const list = useQuery(schemasQuery);
  const [adding, setAdding] = useState(false);
  const changes = may("write:schema");
  const create = changes && (
    <Button look="primary" icon={Plus} onClick={() => setAdding(true)}>
      {text.create}
    </Button>
  );
  return (
    <Page title={text.title} actions={create}>
      <NamedList
        of={list}
        label={text.title}
        path="/schemas"
        icon={FileCode}
        empty={text.empty}
        create={create}
        remove={
          changes ? { one: removeSchema, title: text.remove, why: text.removeWhy } : undefined
        }
        columns={[
          { id: "name", title: text.name, value: (one) => one.name, cell: (one) => one.name },
          {
            id: "type",
            title: text.type,
            value: (one) => one.type,
            cell: (one) => <Badge>{one.type}</Badge>,
          },
          {
            id: "changed",
            title: text.changed,
            value: (one) => one.last_updated_at,
            cell: (one) => time(`${one.last_updated_at}Z`),
          },
          {
            id: "by",
            title: text.by,
            value: (one) => one.last_updated_by.name,
            cell: (one) => one.last_updated_by.name,
          },
        ]}
      />
      {adding && <NewSchema onClose={() => setAdding(false)} />}
    </Page>
  );
}

const EXAMPLE = `syntax = "proto3";

message Reading {
  string sensor = 1;
  double value = 2;
}
`;

function NewSchema({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [type, setType] = useState(TYPES[0] ?? "");
  const [content, setContent] = useState(EXAMPLE);
  return (
    <NewDialog
      title={text.create}
      onClose={onClose}
      create={() => createSchema({ name, type, content })}
      page={`/schemas/${encodeURIComponent(name)}`}
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label={text.name}
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <ChoiceField
          label={text.type}
          value={type}
          choices={TYPES.map((value) => ({ value, label: value }))}
          onChange={(event) => setType(event.target.value)}
        />
      </div>
      <AreaField
        label={text.content}
        hint={text.contentHint}
        required
        rows={14}
        value={content}
        onChange={(event) => setContent(event.target.value)}
      />
    </NewDialog>
  );
}
