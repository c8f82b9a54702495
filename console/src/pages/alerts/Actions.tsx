// Whom an alert tells: one or more actions, each a type of sink with its properties.
import { useQuery } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { CheckSteps } from "@/forms/CheckSteps";
import { check, connectorTypesQuery, suggest } from "@/forms/connectors";
import { SchemaForm } from "@/forms/SchemaForm";
import type { Values } from "@/forms/schema";
import { alerts } from "@/text/alerts";
import { Button, IconButton } from "@/ui/Button";
import { ChoiceField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";

const text = alerts.form;
// The first one and eight more: the bound of the API.
const ACTIONS_MAX = 9;

export interface Action {
  action: string;
  properties: Values;
}

interface Props {
  actions: Action[];
  onChange: (actions: Action[]) => void;
  /** What is wrong with each, by dotted path. */
  faults: Record<string, string>[];
  /** The stored alert whose secrets stand behind masks. */
  alertId?: string;
}

export function Actions({ actions, onChange, faults, alertId }: Props) {
  const types = useQuery(connectorTypesQuery);
  const put = (n: number, action: Action) =>
    onChange(actions.map((old, m) => (m === n ? action : old)));
  return (
    <Loaded of={types}>
      {({ sinks }) => (
        <>
          {actions.map((one, n) => {
            const type = sinks.find((sink) => sink.name === one.action);
            const target = { type: one.action, properties: one.properties };
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: actions have their number only
              <div key={n} className="flex flex-col gap-3 rounded-md border border-line p-3">
                <div className="flex items-end gap-2">
                  <div className="flex-1">
                    <ChoiceField
                      label={text.action}
                      value={one.action}
                      hint={type?.description}
                      choices={sinks.map((sink) => ({ value: sink.name, label: sink.title }))}
                      onChange={(event) => put(n, { action: event.target.value, properties: {} })}
                    />
                  </div>
                  {n > 0 && (
                    <IconButton
                      icon={X}
                      label={text.removeAction}
                      onClick={() => onChange(actions.filter((_, m) => m !== n))}
                    />
                  )}
                </div>
                {type && (
                  <SchemaForm
                    key={one.action}
                    schema={type.schema}
                    values={one.properties}
                    faults={faults[n]}
                    onChange={(properties) => put(n, { ...one, properties })}
                    lookup={{
                      names: type.suggests,
                      find: (property, prefix) => suggest("sinks", target, property, prefix),
                    }}
                  />
                )}
                {type?.verbs.includes("check") && !alertId && (
                  <CheckSteps run={() => check("sinks", target)} />
                )}
              </div>
            );
          })}
          {actions.length < ACTIONS_MAX && (
            <Button
              icon={Plus}
              className="self-start"
              onClick={() => onChange([...actions, { action: "slack", properties: {} }])}
            >
              {text.more}
            </Button>
          )}
        </>
      )}
    </Loaded>
  );
}
