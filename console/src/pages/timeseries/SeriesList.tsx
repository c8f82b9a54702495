// All series with a filter by labels, and the newest runs.
import { useQuery } from "@tanstack/react-query";
import { ChartSpline } from "lucide-react";
import { useState } from "react";
import { timeseries } from "@/text/timeseries";
import { Badge } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import { TextField } from "@/ui/Field";
import { time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { ROWS, runsQuery, type Series, seriesListQuery } from "./calls";
import { parseLabels } from "./knowledge";
import { FirstValue, Pages, plain, Rows } from "./parts";
import { useTimeSearch } from "./search";

const text = timeseries.series;

export const labelText = (one: Series): string =>
  Object.entries(one.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");

export function SeriesList() {
  const [{ labels = "" }, change] = useTimeSearch();
  const [typed, setTyped] = useState(labels);
  const wanted = parseLabels(labels) ?? {};
  const list = useQuery(seriesListQuery(wanted));
  const filter = (
    <div className="w-56 max-w-full">
      <TextField
        label={text.filter}
        bare
        placeholder={text.filterHint}
        value={typed}
        error={parseLabels(typed) ? undefined : text.badFilter}
        onChange={(event) => {
          setTyped(event.target.value);
          if (parseLabels(event.target.value))
            change({ labels: event.target.value.trim() || undefined });
        }}
      />
    </div>
  );
  return (
    <div className="flex flex-col gap-4 pt-3">
      <Loaded of={list}>
        {(all) => (
          <DataTable
            label={text.one}
            rows={all}
            id={(one) => String(one.series_id)}
            onOpen={(one) => change({ id: one.series_id }, true)}
            filters={filter}
            empty={
              labels ? undefined : (
                <FirstValue
                  icon={ChartSpline}
                  title={text.empty}
                  api="timedb"
                  path="runs"
                  body={{
                    workflow_id: "hello",
                    run_start_time: new Date().toISOString(),
                    value_rows: [
                      { value_key: "price", valid_time: new Date().toISOString(), value: 41.5 },
                    ],
                  }}
                />
              )
            }
            columns={[
              { id: "name", title: text.name, value: (one) => one.name, cell: (one) => one.name },
              {
                id: "number",
                title: text.number,
                numeric: true,
                value: (one) => one.series_id,
                cell: (one) => one.series_id,
              },
              { id: "unit", title: text.unit, value: (one) => one.unit, cell: (one) => one.unit },
              { id: "labels", title: text.labels, value: labelText, cell: labelText },
              {
                id: "kind",
                title: text.kind,
                value: (one) => text.kinds[one.overlapping ? "overlapping" : "flat"],
                cell: (one) => (
                  <Badge>{text.kinds[one.overlapping ? "overlapping" : "flat"]}</Badge>
                ),
              },
              {
                id: "retention",
                title: text.retention,
                value: (one) => one.retention,
                cell: (one) => one.retention,
              },
              {
                id: "description",
                title: text.description,
                value: (one) => one.description ?? "",
                cell: (one) => <span className="line-clamp-1">{one.description}</span>,
              },
            ]}
          />
        )}
      </Loaded>
      {list.data && (list.data.length > 0 || labels) && <Runs />}
    </div>
  );
}

function Runs() {
  const [{ offset = 0 }, change] = useTimeSearch();
  const runs = useQuery(runsQuery(offset));
  return (
    <section>
      <h2 className="mb-1 text-sm font-semibold">{text.runs}</h2>
      <Loaded of={runs}>
        {(found) => (
          <Rows
            label={text.runs}
            rows={found.slice(0, ROWS)}
            id={(run) => run.run_id}
            columns={[
              { title: text.started, cell: (run) => time(run.run_start_time) },
              { title: text.finished, cell: (run) => time(run.run_finish_time) },
              { title: text.known, cell: (run) => time(run.known_time) },
              { title: text.workflow, cell: (run) => run.workflow_id },
              { title: text.batch, numeric: true, cell: (run) => run.batch_id },
              { title: text.changedBy, cell: (run) => run.changed_by },
              {
                title: text.params,
                cell: (run) => <span className="font-mono text-xs">{plain(run.run_params)}</span>,
              },
              {
                title: text.run_id,
                cell: (run) => <span className="font-mono text-xs">{run.run_id}</span>,
              },
            ]}
          >
            <Pages
              offset={offset}
              shown={Math.min(found.length, ROWS)}
              size={ROWS}
              more={found.length > ROWS}
              go={(next) => change({ offset: next || undefined })}
            />
          </Rows>
        )}
      </Loaded>
    </section>
  );
}
