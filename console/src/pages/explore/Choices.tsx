// What of a stream is drawn: measure, aggregation, groups, window, filters.
import { Plus, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Stream } from "@/api/types";
import { useGo } from "@/app/go";
import { type Column, kindOf } from "@/charts/values";
import { charts } from "@/text/charts";
import { explore } from "@/text/explore";
import { Button } from "@/ui/Button";
import { ChoiceField, TextField } from "@/ui/Field";
import type { ExploreSearch } from "./search";
import {
  AGGREGATIONS,
  CHARTS,
  condition,
  type Exploration,
  type Filter,
  OPERATORS,
  type Operator,
  WINDOWS,
} from "./sql";

interface Props {
  what: Exploration;
  columns: Column[];
  streams: Stream[];
  patch: (change: Partial<ExploreSearch>) => void;
}

const same = (value: string) => ({ value, label: value });

export function Choices({ what, columns, streams, patch }: Props) {
  const go = useGo();
  const numbers = columns.filter((column) => kindOf(column.type) === "number");
  const measures = what.aggregation === "uniq" ? columns : numbers;
  const groups = columns.filter((column) => kindOf(column.type) !== "time");
  const windows = WINDOWS.includes(what.window) ? WINDOWS : [what.window, ...WINDOWS];
  return (
    <section
      aria-label={charts.settings}
      className="flex shrink-0 flex-col gap-2.5 border-b border-line p-3 md:w-60 md:overflow-auto md:border-r md:border-b-0"
    >
      <ChoiceField
        label={explore.stream}
        value={what.stream}
        choices={streams.map((stream) => same(stream.name))}
        onChange={(event) => go(`/explore/${encodeURIComponent(event.target.value)}`)}
      />
      <ChoiceField
        label={explore.aggregation}
        value={what.aggregation}
        choices={AGGREGATIONS.map((value) => ({ value, label: explore.aggregations[value] }))}
        onChange={(event) => patch({ agg: event.target.value as Exploration["aggregation"] })}
      />
      {what.aggregation !== "count" && (
        <ChoiceField
          label={explore.measure}
          value={what.measure}
          choices={(measures.length ? measures : columns).map((column) => same(column.name))}
          onChange={(event) => patch({ y: event.target.value })}
        />
      )}
      <ChoiceField
        label={explore.by}
        value={what.by}
        choices={[{ value: "", label: charts.none }, ...groups.map((column) => same(column.name))]}
        onChange={(event) => patch({ by: event.target.value })}
      />
      {what.aggregation !== "none" && (
        <ChoiceField
          label={explore.window}
          value={what.window}
          choices={windows.map(same)}
          onChange={(event) => patch({ win: event.target.value })}
        />
      )}
      <ChoiceField
        label={explore.chart}
        value={what.chart}
        choices={CHARTS.map((value) => ({ value, label: charts.types[value] }))}
        onChange={(event) => patch({ chart: event.target.value as Exploration["chart"] })}
      />
      <Filters {...{ what, columns, patch }} />
    </section>
  );
}

function Filters({ what, columns, patch }: Omit<Props, "streams">) {
  const put = (filters: Filter[]) => patch({ where: filters.length ? filters : undefined });
  return (
    <div className="flex flex-col gap-1.5">
      <h2 className="text-xs font-medium text-muted">{explore.filters}</h2>
      <ul className="flex flex-wrap gap-1 empty:hidden">
        {what.filters.map((filter, n) => {
          const said = `${filter.column} ${filter.operator === "contains" ? explore.contains : filter.operator} ${filter.value}`;
          return (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: filters have no other name
              key={n}
              className="inline-flex max-w-full items-center gap-1 rounded-full border border-line bg-page py-0.5 pr-0.5 pl-2 text-xs"
            >
              <span className="truncate">{said}</span>
              <button
                type="button"
                aria-label={explore.removeFilter(said)}
                className="inline-flex size-6 items-center justify-center rounded-full hover:bg-accent-soft"
                onClick={() => put(what.filters.filter((_, at) => at !== n))}
              >
                <X aria-hidden size={12} />
              </button>
            </li>
          );
        })}
      </ul>
      <NewFilter columns={columns} onAdd={(filter) => put([...what.filters, filter])} />
    </div>
  );
}

function NewFilter({ columns, onAdd }: { columns: Column[]; onAdd: (filter: Filter) => void }) {
  const [column, setColumn] = useState(columns[0]?.name ?? "");
  const [operator, setOperator] = useState<Operator>("=");
  const [value, setValue] = useState("");
  const filter = { column, operator, value };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onAdd(filter);
    setValue("");
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-1.5">
      <ChoiceField
        bare
        label={explore.column}
        value={column}
        choices={columns.map((one) => same(one.name))}
        onChange={(event) => setColumn(event.target.value)}
      />
      <div className="flex gap-1.5">
        <div className="w-24">
          <ChoiceField
            bare
            label={explore.operator}
            value={operator}
            choices={OPERATORS.map((one) => ({
              value: one,
              label: one === "contains" ? explore.contains : one,
            }))}
            onChange={(event) => setOperator(event.target.value as Operator)}
          />
        </div>
        <div className="min-w-0 flex-1">
          <TextField
            bare
            label={explore.value}
            placeholder={explore.value}
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        </div>
      </div>
      <Button type="submit" icon={Plus} disabled={!condition(filter, columns)}>
        {explore.addFilter}
      </Button>
    </form>
  );
}
