// One function of the workspace: its text, which can be changed, and a box that calls it.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import { useGo } from "@/app/go";
import { Removal } from "@/forms/Removal";
import { app } from "@/text/app";
import { functions as text } from "@/text/functions";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { Loaded } from "@/ui/Loaded";
import { Page } from "@/ui/Page";
import { notify } from "@/ui/Toast";
import { removeUdf, replaceUdf, type Udf, udfQuery } from "./calls";
import { bodyOf, draftOf } from "./draft";
import { FunctionForm } from "./FunctionForm";
import { TestBox } from "./TestBox";

export default function FunctionDetail() {
  const { name = "" } = useParams({ strict: false }) as { name?: string };
  const udf = useQuery(udfQuery(name));
  const may = useMay();
  const go = useGo();
  return (
    <Page
      title={name}
      note={
        udf.data && (
          <>
            <Badge>{text.languages[udf.data.type] ?? udf.data.type}</Badge>
            {udf.data.is_aggregation && <Badge tone="info">{text.aggregateBadge}</Badge>}
          </>
        )
      }
      actions={
        udf.data &&
        may("write:udf") && (
          <Removal
            remove={() => removeUdf(name)}
            title={text.remove(name)}
            why={text.removeWhy}
            queryKey={["udfs"]}
            onDone={() => go("/functions")}
          />
        )
      }
    >
      <Loaded of={udf}>
        {(shown) => (
          <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_28rem]">
            <Edit key={shown.last_modified_at} udf={shown} />
            {may("write:query") && <TestBox key={shown.last_modified_at} udf={shown} />}
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Edit({ udf }: { udf: Udf }) {
  const client = useQueryClient();
  const may = useMay();
  const [draft, setDraft] = useState(() => draftOf(udf));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await replaceUdf(udf.name, bodyOf(draft));
      await client.invalidateQueries({ queryKey: ["udfs"] });
      notify(text.saved);
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  const changes = may("write:udf");
  return (
    <form
      onSubmit={submit}
      className="flex min-w-0 flex-col gap-3 rounded-lg border border-line bg-surface p-4"
    >
      <FunctionForm draft={draft} onChange={setDraft} stored disabled={!changes} />
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
