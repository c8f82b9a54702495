// A result as a chart of any kind; with a switch to see it as a table, and a summary in words.
import { Table2 } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { charts } from "@/text/charts";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Skeleton } from "@/ui/Skeleton";
import { text, updateOf, withViz } from "./config";
import { EngineChart } from "./EngineChart";
import { LogsChart } from "./LogsChart";
import { isTimeSeries, lineAxes } from "./look";
import { MarkdownView } from "./MarkdownView";
import type { ChartProps } from "./parts";
import { SingleValue } from "./SingleValue";
import { summary } from "./summary";
import { TableChart } from "./TableChart";
import { indexOf, textOf } from "./values";

const TimeChart = lazy(() =>
  import("./TimeChart").then(({ TimeChart }) => ({ default: TimeChart })),
);

const ENGINE = new Set([
  "bar",
  "column",
  "pie",
  "gauge",
  "histogram",
  "heatmap",
  "ohlc",
  "geo",
  "grammar",
  "stateTimeline",
]);
// Kinds that are text already.
const TEXTS = new Set(["table", "md", "logs", "singleValue"]);

interface Props extends ChartProps {
  title: string;
  /** Shows the rows instead. */
  asTable?: boolean;
}

export function ChartView(props: Props) {
  const { viz, columns, rows, series, live, asTable, title } = props;
  if (!columns.length) return <Skeleton lines={3} />;
  const hasRows = rows.length > 0 || (series?.x.length ?? 0) > 0;
  if (!hasRows && viz.chartType !== "md")
    return (
      <p role="status" className="flex h-full items-center justify-center p-3 text-muted">
        {live ? charts.noRows : charts.noRowsEnded}
      </p>
    );
  if (asTable && !TEXTS.has(viz.chartType)) return <Told {...props} />;
  return (
    <Suspense fallback={<Skeleton lines={3} />}>
      <Kind {...props} title={title} />
    </Suspense>
  );
}

function Kind(props: Props) {
  const { viz, columns, rows, series } = props;
  const label = `${props.title}: ${charts.types[viz.chartType as keyof typeof charts.types] ?? viz.chartType}`;
  const described = useMemo(
    () => `${label}. ${summary(viz, rows.length, series, props.zone)}`,
    [label, viz, rows.length, series, props.zone],
  );
  const source = useMemo(
    () => ({
      columns,
      rows,
      keyColumn: updateOf(viz).key[0] ?? "",
      variables: props.variables ?? {},
      zone: props.zone,
    }),
    [columns, rows, viz, props.variables, props.zone],
  );
  switch (viz.chartType) {
    case "line":
    case "area": {
      if (isTimeSeries(viz, columns)) {
        if (!series) return <Skeleton lines={3} />;
        return (
          <div className="flex h-full flex-col">
            <SeveralSeries {...props} />
            <div className="min-h-0 flex-1">
              <TimeChart {...props} series={series} label={described} />
            </div>
          </div>
        );
      }
      return <EngineChart {...props} label={described} />;
    }
    case "table":
      return <TableChart {...props} />;
    case "singleValue":
      return <SingleValue {...props} />;
    case "logs":
      return <LogsChart {...props} />;
    case "md":
      return <MarkdownView text={text(viz.config, "content")} source={source} label={label} />;
    default:
      if (ENGINE.has(viz.chartType)) return <EngineChart {...props} label={described} />;
      return <Unknown viz={viz} />;
  }
}

function Unknown({ viz }: { viz: ChartProps["viz"] }) {
  return (
    <div className="h-full overflow-auto p-2">
      <p className="mb-2 text-warn">{charts.noType(viz.chartType)}</p>
      <CodeBlock text={JSON.stringify(withViz({}, viz), null, 2)} />
    </div>
  );
}

/** Rows of one moment that no colour tells apart: the line jumps between them. */
function SeveralSeries({ viz, columns, rows, onConfig }: ChartProps) {
  const { x, y, by } = lineAxes(viz, columns);
  if (by || y.length !== 1 || rows.length < 2) return null;
  const at = indexOf(columns, x);
  const times = new Set(rows.map((row) => textOf(row[at])));
  if (times.size > rows.length / 2) return null;
  const group = columns.findIndex((column, n) => {
    if (n === at || column.name === y[0]) return false;
    const values = new Set(rows.map((row) => textOf(row[n]))).size;
    return values > 1 && values <= 20;
  });
  const name = columns[group]?.name;
  if (!name) return null;
  return (
    <p className="flex items-center gap-2 px-2 pt-1 text-xs text-warn">
      {charts.severalSeries(x, name)}
      {onConfig && (
        <Button onClick={() => onConfig({ ...viz, config: { ...viz.config, color: name } })}>
          {charts.setColor(name)}
        </Button>
      )}
    </p>
  );
}

/** The same as words and numbers. */
function Told({ columns, rows, series, viz, zone }: Props) {
  if (!series || !isTimeSeries(viz, columns))
    return (
      <TableChart
        columns={columns}
        rows={rows}
        series={null}
        viz={{ chartType: "table", config: { rowCount: 500 } }}
        zone={zone}
      />
    );
  return (
    <div className="flex h-full flex-col">
      <p className="px-2 pt-1 text-xs text-muted">{summary(viz, rows.length, series, zone)}</p>
      <div className="min-h-0 flex-1">
        <TableChart
          {...lineTable(series)}
          series={null}
          viz={{ chartType: "table", config: { rowCount: 500 } }}
        />
      </div>
    </div>
  );
}

function lineTable(
  series: NonNullable<ChartProps["series"]>,
): Pick<ChartProps, "columns" | "rows"> {
  const { table, other } = charts;
  const number = (name: string) => ({ name, type: "float64" });
  return {
    columns: [
      { name: table.name, type: "string" },
      number(table.last),
      number(table.low),
      number(table.high),
    ],
    rows: series.lines.map((line) => {
      const seen = line.values.filter(Number.isFinite);
      const name = line.other ? other : (line.group ?? line.y);
      if (!seen.length) return [name, null, null, null];
      let [low, high] = [seen[0]!, seen[0]!];
      for (const value of seen) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return [name, seen.at(-1)!, low, high];
    }),
  };
}

export function AsTable({ on, onChange }: { on: boolean; onChange: (on: boolean) => void }) {
  return (
    <Button look="quiet" icon={Table2} aria-pressed={on} onClick={() => onChange(!on)}>
      {on ? charts.asChart : charts.asTable}
    </Button>
  );
}
