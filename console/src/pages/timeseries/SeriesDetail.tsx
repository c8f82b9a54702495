// One series: its values as they are, as they were known at a time, and all of their versions.
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { timeseries } from "@/text/timeseries";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { ChoiceField } from "@/ui/Field";
import { count, time } from "@/ui/format";
import { Loaded } from "@/ui/Loaded";
import { Correction } from "./Correction";
import {
  type Extent,
  extentQuery,
  type Mode,
  type Range,
  type Series,
  seriesListQuery,
  type Value,
  valuesQuery,
} from "./calls";
import { HeatTable } from "./HeatTable";
import { asKnownAt, knownTimes, newestPart } from "./knowledge";
import { type Line, LineChart } from "./LineChart";
import { RangeFields } from "./parts";
import { labelText } from "./SeriesList";
import { useTimeSearch } from "./search";
import { Values } from "./Values";

const text = timeseries.series;
// Values that one view reads: some MB of JSON.
const VALUES_MAX = 20_000;
// Lines of earlier knowledge behind the chosen one.
const RUNS_DRAWN = 24;
const MODES: Mode[] = ["flat", "overlapping", "versions"];

export function SeriesDetail({ id }: { id: number }) {
  const [, change] = useTimeSearch();
  const list = useQuery(seriesListQuery({}));
  const extent = useQuery(extentQuery(id));
  const series = list.data?.find((one) => one.series_id === id);
  return (
    <div className="flex flex-col gap-3 pt-3">
      <div className="flex flex-wrap items-center gap-2">
        <Button look="quiet" icon={ArrowLeft} onClick={() => change({}, true)}>
          {timeseries.back}
        </Button>
        {series && (
          <>
            <h2 className="text-sm font-semibold">{series.name}</h2>
            <Badge>{series.unit}</Badge>
            <Badge>{text.kinds[series.overlapping ? "overlapping" : "flat"]}</Badge>
            <span className="text-muted">{labelText(series)}</span>
          </>
        )}
      </div>
      <Loaded of={list}>
        {() =>
          series ? (
            <Loaded of={extent}>
              {(known) => <Shown key={known.last} series={series} extent={known} />}
            </Loaded>
          ) : (
            <p className="text-muted">{timeseries.nothingThere}</p>
          )
        }
      </Loaded>
    </div>
  );
}

function Shown({ series, extent }: { series: Series; extent: Extent }) {
  const [{ from, to, mode, view = "lines" }, change] = useTimeSearch();
  const asked: Mode = MODES.find((one) => one === mode) ?? "flat";
  const range: Range = from || to ? { from, to } : newestPart(extent, VALUES_MAX);
  const values = useQuery(valuesQuery(series.series_id, asked, range));
  const [chosen, setChosen] = useState<Value | null>(null);
  return (
    <>
      <div className="flex flex-wrap items-end gap-2">
        <ChoiceField
          label={text.mode}
          value={asked}
          choices={MODES.map((value) => ({ value, label: text.modes[value] }))}
          onChange={(event) => change({ mode: event.target.value, known: undefined })}
        />
        <ChoiceField
          label={text.view}
          value={view}
          choices={Object.entries(text.views)
            .filter(([value]) => value !== "heat" || asked !== "flat")
            .map(([value, label]) => ({ value, label }))}
          onChange={(event) => change({ view: event.target.value })}
        />
        <RangeFields {...range} set={(next) => change({ ...next, known: undefined })} />
      </div>
      {range.from && !from && (
        <p className="text-xs text-muted">{text.windowed(count(extent.count))}</p>
      )}
      <Loaded of={values}>
        {(found) => (
          <>
            {asked === "flat" ? (
              view !== "table" && <Flat series={series} values={found} />
            ) : view === "heat" ? (
              <HeatTable values={found} />
            ) : (
              view !== "table" && <ByKnowledge series={series} values={found} />
            )}
            {view !== "heat" && <Values values={found} mode={asked} correct={setChosen} />}
          </>
        )}
      </Loaded>
      {chosen && <Correction series={series} value={chosen} onClose={() => setChosen(null)} />}
    </>
  );
}

const line = (name: string, values: Value[], colour: number, faint = false): Line => ({
  name,
  points: values.map((one) => [Date.parse(one.valid_time), one.value]),
  colour,
  faint,
  step: true,
});

function Flat({ series, values }: { series: Series; values: Value[] }) {
  const sorted = [...values].sort((a, b) => Date.parse(a.valid_time) - Date.parse(b.valid_time));
  return <LineChart label={series.name} lines={[line(series.name, sorted, 1)]} />;
}

/** What was known at the slider's time, before the lines of each time of knowledge. */
function ByKnowledge({ series, values }: { series: Series; values: Value[] }) {
  const [{ known }, change] = useTimeSearch();
  const times = knownTimes(values);
  const last = times.length - 1;
  const at = known && times.includes(known) ? times.indexOf(known) : last;
  const limit = times[at];
  if (limit === undefined) return <LineChart label={series.name} lines={[]} />;
  const when = time(limit);
  const behind = times.slice(Math.max(0, at + 1 - RUNS_DRAWN), at + 1).map((one) =>
    line(
      text.run(time(one)),
      asKnownAt(
        values.filter((v) => v.known_time === one),
        one,
      ),
      8,
      true,
    ),
  );
  return (
    <div>
      <label className="flex flex-wrap items-center gap-3 pb-2">
        <span className="text-xs font-medium text-muted">{text.asKnown}</span>
        <input
          type="range"
          aria-label={text.asKnown}
          aria-valuetext={when}
          min={0}
          max={last}
          value={at}
          disabled={!last}
          className="h-6 w-64 max-w-full accent-(--accent)"
          onChange={(event) => change({ known: times[Number(event.target.value)] })}
        />
        <output className="tabular-nums">
          {when}
          {at === last && ` (${text.newest})`}
        </output>
      </label>
      <LineChart
        label={`${series.name}, ${text.asKnown} ${when}`}
        lines={[...behind, line(`${text.asKnown} ${when}`, asKnownAt(values, limit), 1)]}
      />
    </div>
  );
}
