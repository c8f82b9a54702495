// Name, description and properties of a source or sink, changed in place.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useMay } from "@/api/session";
import { CheckSteps } from "@/forms/CheckSteps";
import { check, connectorTypesQuery, type Sort, sendTest, suggest } from "@/forms/connectors";
import { SchemaForm } from "@/forms/SchemaForm";
import { faults, type Values } from "@/forms/schema";
import { app } from "@/text/app";
import { connectors as text } from "@/text/connectors";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { TextField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { notify } from "@/ui/Toast";
import { type Connector, change, writeRight } from "./calls";

export function Settings({ sort, one }: { sort: Sort; one: Connector }) {
  const may = useMay();
  const client = useQueryClient();
  const types = useQuery(connectorTypesQuery);
  const [name, setName] = useState(one.name);
  const [description, setDescription] = useState(one.description);
  const [properties, setProperties] = useState<Values>(one.properties as Values);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  return (
    <Loaded of={types}>
      {(all) => {
        const type = all[sort].find((known) => known.name === one.type);
        const wrong = type ? faults(type.schema, properties) : {};
        const target = { type: one.type, properties, id: one.id };
        const submit = async (event: FormEvent) => {
          event.preventDefault();
          setTried(true);
          if (Object.keys(wrong).length) return;
          setBusy(true);
          setError(null);
          try {
            await change(sort, one.id, { name, description, properties });
            await client.invalidateQueries({ queryKey: [sort] });
            notify(text.saved);
          } catch (reason) {
            setError(reason as Error);
          } finally {
            setBusy(false);
          }
        };
        return (
          <form onSubmit={submit} className="flex max-w-2xl flex-col gap-3 pt-3">
            <TextField
              label={text.name}
              required
              value={name}
              onChange={(e) => setName(e.target.value)}
            />
            <TextField
              label={text.description}
              value={description}
              onChange={(e) => setDescription(e.target.value)}
            />
            {type && (
              <SchemaForm
                schema={type.schema}
                values={properties}
                onChange={setProperties}
                faults={tried ? wrong : {}}
                lookup={{
                  names: type.suggests,
                  find: (property, prefix) => suggest(sort, target, property, prefix),
                }}
              />
            )}
            {may(writeRight(sort)) && (
              <>
                {type?.verbs.includes("check") && <CheckSteps run={() => check(sort, target)} />}
                {"query" in one && (
                  <CheckSteps
                    run={() => sendTest({ ...target, query: one.query })}
                    label={text.wizard.testEvent}
                    good={text.wizard.testEventSent}
                  />
                )}
                <div>
                  <Button type="submit" look="primary" busy={busy}>
                    {app.save}
                  </Button>
                </div>
              </>
            )}
            {error && <Failure error={error} />}
          </form>
        );
      }}
    </Loaded>
  );
}
