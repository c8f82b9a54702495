// One figure, large: the newest value, its change, and a line of its past.
import { ArrowDown, ArrowUp } from "lucide-react";
import { useRef } from "react";
import type { SeriesSnapshot } from "@/live/types";
import { charts } from "@/text/charts";
import { flag, type Json, number, objects, text } from "./config";
import { valueColumn } from "./look";
import type { ChartProps } from "./parts";
import { colourOf } from "./theme";
import { indexOf, kindOf, numberOf, textOf } from "./values";
import { numberText } from "./words";

/** The colour of the highest threshold that the value reaches. */
export function thresholdColour(config: Json, value: number): string {
  let found = "";
  const limits = objects(config, "thresholds")
    .map((one) => ({
      from: number(one, "value") ?? number(one, "min") ?? -Infinity,
      color: text(one, "color"),
    }))
    .sort((a, b) => a.from - b.from);
  for (const limit of limits) if (value >= limit.from) found = limit.color;
  return found;
}

export function SingleValue({ columns, rows, series, viz }: ChartProps) {
  const { config } = viz;
  const name = valueColumn(viz, columns);
  const at = indexOf(columns, name);
  const last = rows.at(-1);
  const now = numberOf(last?.[at]);
  const before = useChanged(now, numberOf(rows.at(-2)?.[at]));
  if (at < 0)
    return (
      <p className="p-3 text-warn">
        {name ? charts.missing(name) : charts.choose(charts.fields.value)}
      </p>
    );
  const numeric = kindOf(columns[at]!.type) === "number";
  const format = numberText(config);
  const size = Math.min(160, Math.max(12, number(config, "fontSize") ?? 44));
  const colour = colourOf(thresholdColour(config, now) || config.color, "var(--text)");
  const change = now - before;
  const said = last === undefined ? "–" : numeric ? format(now) : textOf(last[at]);
  // Long figures shrink with a narrow panel.
  const fits = `min(${size}px, ${Math.max(4, 130 / Math.max(4, said.length)).toFixed(1)}cqw)`;
  const line = flag(config, "sparkline") && series?.lines[0];
  return (
    <div className="@container flex h-full min-h-0 flex-col items-center justify-center gap-1 overflow-hidden p-2">
      <div className="flex flex-wrap items-baseline justify-center gap-x-2">
        <span
          className="font-semibold whitespace-nowrap tabular-nums"
          style={{ fontSize: fits, lineHeight: 1.1, color: colour }}
        >
          {said}
        </span>
        {flag(config, "delta") && Number.isFinite(change) && change !== 0 && (
          <Change change={change} config={config} words={format(Math.abs(change))} />
        )}
      </div>
      {line && <Spark series={series!} colour={colourOf(config.sparklineColor, "var(--accent)")} />}
    </div>
  );
}

/** The value before the one on screen, also when only the newest row is kept. */
function useChanged(now: number, given: number): number {
  const kept = useRef({ now, before: Number.NaN });
  if (Number.isFinite(now) && kept.current.now !== now)
    kept.current = { now, before: kept.current.now };
  return Number.isFinite(given) ? given : kept.current.before;
}

function Change({ change, config, words }: { change: number; config: Json; words: string }) {
  const up = change > 0;
  const Arrow = up ? ArrowUp : ArrowDown;
  const colour = colourOf(
    up ? config.increaseColor : config.decreaseColor,
    up ? "var(--good)" : "var(--bad)",
  );
  return (
    <span
      className="inline-flex items-center text-sm font-medium tabular-nums"
      style={{ color: colour }}
    >
      <Arrow aria-label={up ? charts.up : charts.down} role="img" size={14} />
      {words}
    </span>
  );
}

const WIDE = 120;
const HIGH = 32;

function Spark({ series, colour }: { series: SeriesSnapshot; colour: string }) {
  const values = series.lines[0]!.values;
  const seen = values.filter(Number.isFinite);
  if (seen.length < 2) return <div className="h-8" />;
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  const [from, to] = [series.x[0]!, series.x.at(-1)!];
  const path: string[] = [];
  values.forEach((value, n) => {
    if (!Number.isFinite(value)) return;
    const x = ((series.x[n]! - from) / (to - from || 1)) * WIDE;
    const y = HIGH - 1 - ((value - low) / (high - low || 1)) * (HIGH - 2);
    path.push(`${path.length ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
  });
  return (
    <svg
      aria-hidden
      viewBox={`0 0 ${WIDE} ${HIGH}`}
      preserveAspectRatio="none"
      className="h-8 w-4/5 max-w-72"
    >
      <path
        d={path.join("")}
        fill="none"
        stroke={colour}
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}
