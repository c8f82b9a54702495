// Builds trigger and resolve SQL from a query, one of its columns and a bound.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { SqlField } from "@/editor/SqlField";
import { alerts } from "@/text/alerts";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { CheckField, ChoiceField, TextField } from "@/ui/Field";
import { analyze, savedQuery } from "./calls";
import {
  type Condition,
  fault,
  isNumeric,
  OPERATORS,
  quoted,
  statement,
  statements,
} from "./condition";

const text = alerts.form;

interface Column {
  name: string;
  type: string;
}

interface Props {
  /** The query that the reader came with. */
  base: string;
  onSql: (trigger: string, resolve: string) => void;
}

export function Builder({ base: given, onSql }: Props) {
  const [base, setBase] = useState(given);
  const [columns, setColumns] = useState<Column[]>([]);
  const [condition, setCondition] = useState<Condition>({ column: "", operator: ">", value: "" });
  const [resolves, setResolves] = useState(true);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const type = columns.find((column) => column.name === condition.column)?.type ?? "";
  const read = async (sql: string) => {
    setBusy(true);
    setError(null);
    try {
      const found = (await analyze(statement(sql))).result_columns.map((column) => ({
        name: column.column,
        type: column.column_type,
      }));
      setColumns(found);
      const first = found.find((column) => isNumeric(column.type)) ?? found[0];
      if (first)
        change({
          column: first.name,
          operator: isNumeric(first.type) ? ">" : "=",
          value: "",
        });
    } catch (reason) {
      setColumns([]);
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, for the query of the address
  useEffect(() => {
    if (given) void read(given);
  }, [given]);
  const choose = (sql: string) => {
    setBase(sql);
    setColumns([]);
    if (sql) void read(sql);
  };
  const write = (next: Condition, both: boolean) => {
    const of = columns.find((column) => column.name === next.column)?.type ?? "";
    if (!next.column || !next.value.trim() || fault(of, next.value)) return;
    const [trigger, resolve] = statements(base, next, of);
    onSql(trigger, both ? resolve : "");
  };
  const change = (next: Condition) => {
    setCondition(next);
    write(next, resolves);
  };
  return (
    <fieldset className="flex flex-col gap-3 rounded-md border border-line p-3">
      <legend className="px-1 text-xs font-medium text-muted">{text.useBuilder}</legend>
      {!given && <Start base={base} onChoose={choose} />}
      <SqlField
        label={text.base}
        hint={text.baseHint}
        rows={2}
        value={base}
        onChange={(sql) => {
          setBase(sql);
          setColumns([]);
        }}
      />
      {!columns.length && (
        <Button
          className="self-start"
          busy={busy}
          disabled={!base.trim()}
          onClick={() => read(base)}
        >
          {text.loadColumns}
        </Button>
      )}
      {error && <Failure error={error} />}
      {columns.length > 0 && (
        <>
          <div className="grid gap-2 sm:grid-cols-[1fr_7rem_1fr]">
            <ChoiceField
              label={text.column}
              value={condition.column}
              choices={columns.map((c) => ({ value: c.name, label: `${c.name} (${c.type})` }))}
              onChange={(event) => change({ ...condition, column: event.target.value })}
            />
            <ChoiceField
              label={text.operator}
              value={condition.operator}
              choices={OPERATORS.map((o) => ({ value: o, label: o }))}
              onChange={(event) =>
                change({ ...condition, operator: event.target.value as Condition["operator"] })
              }
            />
            <TextField
              label={text.operand}
              value={condition.value}
              error={condition.value ? fault(type, condition.value) : ""}
              onChange={(event) => change({ ...condition, value: event.target.value })}
            />
          </div>
          <CheckField
            label={text.resolves}
            hint={text.resolvesHint}
            checked={resolves}
            onChange={(event) => {
              setResolves(event.target.checked);
              write(condition, event.target.checked);
            }}
          />
        </>
      )}
    </fieldset>
  );
}

/** Streams and saved queries to begin with. */
function Start({ base, onChoose }: { base: string; onChoose: (sql: string) => void }) {
  const streams = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  const saved = useQuery(savedQuery);
  const choices = [
    { value: "", label: text.startOwn },
    ...(streams.data ?? [])
      // Names that begin so are the server's own.
      .filter((one) => !one.name.startsWith("_"))
      .map((one) => ({ value: quoted(one.name), label: text.startStream(one.name) })),
    ...(saved.data ?? []).map((one) => ({ value: one.sql, label: text.startSaved(one.name) })),
  ];
  return (
    <ChoiceField
      label={text.start}
      value={choices.some((one) => one.value === base) ? base : ""}
      choices={choices}
      onChange={(event) => onChoose(event.target.value)}
    />
  );
}
