// What a source or sink gave up on: its stream, and the way to try it again.
import { useQueryClient } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import type { Sort } from "@/forms/connectors";
import { LetterList } from "@/forms/LetterList";
import { connectors } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { notify } from "@/ui/Toast";
import { type Connector, replay, writeRight } from "./calls";

const text = connectors.letters;
const LIMIT = 1_000;

export function Letters({ sort, one }: { sort: Sort; one: Connector }) {
  const may = useMay();
  const client = useQueryClient();
  const [where, setWhere] = useState("");
  const [limit, setLimit] = useState(String(LIMIT));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const stream = one.dead_letter_stream;
  if (!stream) return <p className="pt-3 text-muted">{text.none}</p>;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const { replayed, failed } = await replay(sort, one.id, where, Number(limit) || LIMIT);
      notify(text.done(replayed, failed), failed ? "bad" : "good");
      await client.invalidateQueries({ queryKey: [sort, one.id] });
      await client.invalidateQueries({ queryKey: ["letters", stream] });
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="flex max-w-4xl flex-col gap-4 pt-3">
      <LetterList stream={stream} />
      {may(writeRight(sort)) && (
        <form onSubmit={submit} className="flex flex-wrap items-start gap-2">
          <h2 className="w-full text-xs font-semibold text-muted">{text.again}</h2>
          <div className="min-w-60 flex-1">
            <TextField
              label={text.where}
              hint={text.whereHint}
              value={where}
              onChange={(event) => setWhere(event.target.value)}
            />
          </div>
          <div className="w-24">
            <TextField
              label={text.limit}
              inputMode="numeric"
              value={limit}
              onChange={(event) => setLimit(event.target.value)}
            />
          </div>
          <Button type="submit" look="primary" icon={RotateCcw} busy={busy} className="mt-5">
            {text.replay}
          </Button>
        </form>
      )}
      {error && <Failure error={error} />}
    </div>
  );
}
