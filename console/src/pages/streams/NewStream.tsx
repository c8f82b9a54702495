// The form of a new stream: name, mode, key, columns.
import { useState } from "react";
import { call } from "@/api/client";
import { ColumnList, namedOnly } from "@/forms/ColumnList";
import { NewDialog } from "@/forms/NewDialog";
import { streams as text } from "@/text/streams";
import { ChoiceField, TextField } from "@/ui/Field";

export function NewStream({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [mode, setMode] = useState("append");
  const [key, setKey] = useState("");
  const [ttl, setTtl] = useState("");
  const [columns, setColumns] = useState([{ name: "", type: "string" }]);
  const create = () =>
    call("streams", {
      body: {
        name,
        mode,
        columns: namedOnly(columns),
        ...(key.trim() && { primary_key: key }),
        ...(ttl.trim() && { ttl_expression: ttl }),
      },
    });
  return (
    <NewDialog
      title={text.create}
      onClose={onClose}
      create={create}
      page={`/streams/${encodeURIComponent(name)}`}
    >
      <TextField
        label={text.name}
        required
        value={name}
        onChange={(e) => setName(e.target.value)}
      />
      <ChoiceField
        label={text.mode}
        value={mode}
        choices={Object.entries(text.modes).map(([value, label]) => ({ value, label }))}
        onChange={(event) => setMode(event.target.value)}
      />
      {mode.endsWith("_kv") && (
        <TextField
          label={text.key}
          hint={text.keyHint}
          required
          value={key}
          onChange={(e) => setKey(e.target.value)}
        />
      )}
      <ColumnList columns={columns} onChange={setColumns} />
      <TextField
        label={text.ttl}
        hint={text.ttlHint}
        value={ttl}
        onChange={(e) => setTtl(e.target.value)}
      />
    </NewDialog>
  );
}
