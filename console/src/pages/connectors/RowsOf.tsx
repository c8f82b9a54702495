// A query without typing one: all rows of a stream or view.
import { useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { quoted } from "@/forms/sql";
import { connectors } from "@/text/connectors";
import { ChoiceField } from "@/ui/Field";

const text = connectors.wizard;

export const allRowsOf = (name: string): string => `SELECT * FROM ${quoted(name)}`;

export function RowsOf({ query, onQuery }: { query: string; onQuery: (sql: string) => void }) {
  const { data } = useQuery({
    queryKey: ["catalog", "objects"],
    queryFn: () => call<Schemas["Catalog"]>("catalog", { query: { dialect: false } }),
  });
  const names = (data?.objects ?? []).map((one) => one.name).filter((name) => name[0] !== "_");
  if (!names.length) return null;
  return (
    <div className="max-w-md">
      <ChoiceField
        label={text.rowsOf}
        value={names.find((name) => allRowsOf(name) === query.trim()) ?? ""}
        choices={[
          { value: "", label: text.rowsOfNone },
          ...names.map((name) => ({ value: name, label: name })),
        ]}
        onChange={(event) => event.target.value && onQuery(allRowsOf(event.target.value))}
      />
    </div>
  );
}
