// One format schema: its text, which can be changed, and how it is used.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { Removal } from "@/forms/Removal";
import { app } from "@/text/app";
import { schemas as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Failure } from "@/ui/Failure";
import { AreaField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { type FormatSchema, removeSchema, replaceSchema, schemaQuery } from "./calls";

export default function SchemaDetail() {
  const { name = "" } = useParams({ strict: false }) as { name?: string };
  const may = useMay();
  const go = useGo();
  const schema = useQuery(schemaQuery(name));
  return (
    <Page
      title={name}
      note={schema.data && <Badge>{schema.data.type}</Badge>}
      actions={
        schema.data &&
        may("write:schema") && (
          <Removal
            remove={() => removeSchema(name)}
            title={text.remove(name)}
            why={text.removeWhy}
            queryKey={["schemas"]}
            onDone={() => go("/schemas")}
          />
        )
      }
    >
      <Loaded of={schema}>
        {(shown) => (
          <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_28rem]">
            <Edit key={shown.last_updated_at} schema={shown} />
            <Use schema={shown} />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Edit({ schema }: { schema: FormatSchema }) {
  const may = useMay();
  const client = useQueryClient();
  const [content, setContent] = useState(schema.content);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const changes = may("write:schema");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await replaceSchema({ name: schema.name, type: schema.type, content });
      await client.invalidateQueries({ queryKey: ["schemas"] });
      notify(text.saved);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={submit}
      className="flex min-w-0 flex-col gap-3 rounded-lg border border-line bg-surface p-4"
    >
      <AreaField
        label={text.content}
        hint={text.contentHint}
        required
        readOnly={!changes}
        rows={18}
        value={content}
        onChange={(event) => setContent(event.target.value)}
      />
      {changes && (
        <div>
          <Button type="submit" busy={busy}>
            {app.save}
          </Button>
        </div>
      )}
      {error && <Failure error={error} />}
    </form>
  );
}

function Use({ schema }: { schema: FormatSchema }) {
  const message = /^\s*message\s+(\w+)/m.exec(schema.content)?.[1] ?? "Message";
  const sql = `CREATE EXTERNAL STREAM readings (...)
SETTINGS type = 'kafka', brokers = 'HOST:9092', topic = 'TOPIC',
  data_format = 'ProtobufSingle',
  format_schema = '${schema.name}:${message}'`;
  return (
    <section className="flex min-w-0 flex-col gap-2 rounded-lg border border-line bg-surface p-4">
      <h2 className="text-sm font-semibold">{text.use}</h2>
      <p className="text-muted">{text.useWhy}</p>
      <CodeBlock text={sql} label={text.use} />
    </section>
  );
}
