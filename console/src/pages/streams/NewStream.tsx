// The form of a new stream: name, mode, key, columns.
import { useQueryClient } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { call } from "@/api/client";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { streams as text } from "@/text/streams";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { ChoiceField, TextField } from "@/ui/Field";

// Offered while a type is typed; any other that the dialect knows can be written.
const TYPES = [
  "string",
  "int32",
  "int64",
  "float64",
  "bool",
  "datetime64(3)",
  "date",
  "decimal(18, 4)",
  "uuid",
  "json",
  "array(string)",
  "map(string, string)",
  "nullable(string)",
  "nullable(float64)",
];

export function NewStream({ onClose }: { onClose: () => void }) {
  const go = useGo();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [mode, setMode] = useState("append");
  const [key, setKey] = useState("");
  const [ttl, setTtl] = useState("");
  const [columns, setColumns] = useState([{ name: "", type: "string" }]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const put = (n: number, change: Partial<(typeof columns)[number]>) =>
    setColumns(columns.map((old, m) => (m === n ? { ...old, ...change } : old)));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const body = {
      name,
      mode,
      columns: columns.filter((column) => column.name.trim()),
      ...(key.trim() && { primary_key: key }),
      ...(ttl.trim() && { ttl_expression: ttl }),
    };
    try {
      await call("streams", { body });
      await client.invalidateQueries({ queryKey: ["streams"] });
      go(`/streams/${encodeURIComponent(name)}`);
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={text.create}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form="stream" busy={busy}>
            {app.create}
          </Button>
        </>
      }
    >
      <form id="stream" onSubmit={submit} className="flex flex-col gap-3">
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
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 text-xs font-medium text-muted">{text.columns}</legend>
          {columns.map((column, n) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: names change while they are typed
            <div key={n} className="flex items-center gap-2">
              <div className="flex-1">
                <TextField
                  label={`${text.column} ${n + 1}`}
                  bare
                  placeholder={text.column}
                  value={column.name}
                  onChange={(e) => put(n, { name: e.target.value })}
                />
              </div>
              <div className="flex-1">
                <TextField
                  label={`${text.type} ${n + 1}`}
                  bare
                  list="types"
                  value={column.type}
                  onChange={(e) => put(n, { type: e.target.value })}
                />
              </div>
              <IconButton
                icon={X}
                label={text.removeColumn(column.name || String(n + 1))}
                disabled={columns.length === 1}
                onClick={() => setColumns(columns.filter((_, m) => m !== n))}
              />
            </div>
          ))}
          <datalist id="types">
            {TYPES.map((type) => (
              <option key={type} value={type} />
            ))}
          </datalist>
          <Button
            icon={Plus}
            className="self-start"
            onClick={() => setColumns([...columns, { name: "", type: "string" }])}
          >
            {text.addColumn}
          </Button>
        </fieldset>
        <TextField
          label={text.ttl}
          hint={text.ttlHint}
          value={ttl}
          onChange={(e) => setTtl(e.target.value)}
        />
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
