// Lines over time as SVG: few points, axes, and the values under the pointer.
import { useEffect, useRef, useState } from "react";
import { timeseries as text } from "@/text/timeseries";
import { time } from "@/ui/format";
import { dayLabel, number, ticks, timeLabel, timeTicks } from "./scale";

export interface Line {
  name: string;
  /** Time in milliseconds and value, in order of time; null is a gap. */
  points: [number, number | null][];
  /** Number of the colour in the palette, from 1. */
  colour: number;
  faint?: boolean;
  /** The value holds until the next one. */
  step?: boolean;
}

interface Props {
  label: string;
  lines: Line[];
  height?: number;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [56, 12, 10, 24];

function bounds(numbers: number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const one of numbers) {
    low = Math.min(low, one);
    high = Math.max(high, one);
  }
  return [low, high];
}

function useWidth() {
  const box = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return [box, width] as const;
}

type Scale = (value: number) => number;

function path({ points, step }: Line, x: Scale, y: Scale): string {
  let drawn = "";
  let before: number | null = null;
  for (const [at, value] of points) {
    if (value === null) {
      if (step && before !== null) drawn += `H${x(at).toFixed(1)}`;
      before = null;
      continue;
    }
    const place = `${x(at).toFixed(1)},${y(value).toFixed(1)}`;
    if (before === null) drawn += `M${place}`;
    else drawn += step ? `H${x(at).toFixed(1)}V${y(value).toFixed(1)}` : `L${place}`;
    before = value;
  }
  return drawn;
}

/** The newest point of a line that is not after this time. */
function pointAt(points: Line["points"], at: number): [number, number | null] | undefined {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return points[low - 1];
}

export function LineChart({ label, lines, height = 240 }: Props) {
  const [box, width] = useWidth();
  const [pointer, setPointer] = useState<number | null>(null);
  const values = lines.flatMap((line) => line.points.flatMap(([, v]) => (v === null ? [] : [v])));
  const drawable = values.length > 0;
  const [from, to] = bounds(lines.flatMap((line) => line.points.map(([at]) => at)));
  let [low, high] = bounds(values);
  const summary = lines
    .filter((line) => !line.faint)
    .map((line) => {
      const own = bounds(line.points.flatMap(([, v]) => (v === null ? [] : [v])));
      return text.chart.summary(line.name, line.points.length, number(own[0]), number(own[1]));
    })
    .join("; ");
  if (high - low < Math.abs(high) * 1e-9 || high === low) [low, high] = [low - 1, high + 1];
  const room = (high - low) * 0.05;
  const [bottom, top] = [low - room, high + room];
  const [inner, tall] = [Math.max(1, width - LEFT - RIGHT), height - TOP - BOTTOM];
  const x: Scale = (at) => LEFT + (to > from ? ((at - from) / (to - from)) * inner : inner / 2);
  const y: Scale = (value) => TOP + (1 - (value - bottom) / (top - bottom)) * tall;
  const at = pointer === null ? null : from + ((pointer - LEFT) / inner) * (to - from);
  return (
    <figure
      ref={box}
      className="relative m-0 min-w-0 rounded-lg border border-line bg-surface"
      style={{ height }}
    >
      {!drawable ? (
        <p className="p-4 text-center text-muted">{text.chart.empty}</p>
      ) : (
        width > 0 && (
          <svg
            role="img"
            aria-label={`${label}. ${summary}`}
            width={width}
            height={height}
            onPointerMove={(event) => {
              const left = event.currentTarget.getBoundingClientRect().left;
              setPointer(Math.min(width - RIGHT, Math.max(LEFT, event.clientX - left)));
            }}
            onPointerLeave={() => setPointer(null)}
          >
            <Axes from={from} to={to} bottom={bottom} top={top} x={x} y={y} size={[inner, tall]} />
            {lines.map((line) => (
              <path
                key={line.name}
                d={path(line, x, y)}
                fill="none"
                stroke={`var(--series-${((line.colour - 1) % 10) + 1})`}
                strokeWidth={line.faint ? 1 : 2}
                opacity={line.faint ? 0.45 : 1}
                strokeLinejoin="round"
              />
            ))}
            {pointer !== null && (
              <line x1={pointer} x2={pointer} y1={TOP} y2={height - BOTTOM} stroke="var(--edge)" />
            )}
          </svg>
        )
      )}
      {at !== null && drawable && <Under lines={lines} at={at} />}
    </figure>
  );
}

interface AxesProps {
  from: number;
  to: number;
  bottom: number;
  top: number;
  x: Scale;
  y: Scale;
  size: [number, number];
}

function Axes({ from, to, bottom, top, x, y, size: [inner, tall] }: AxesProps) {
  return (
    <g fontSize={11} fill="var(--muted)">
      {ticks(bottom, top, 5).map((value) => (
        <g key={value}>
          <line x1={LEFT} x2={LEFT + inner} y1={y(value)} y2={y(value)} stroke="var(--line)" />
          <text x={LEFT - 6} y={y(value) + 4} textAnchor="end">
            {number(value)}
          </text>
        </g>
      ))}
      {timeTicks(from, to, Math.max(2, Math.floor(inner / 90))).map((value, n) => (
        <text key={value} x={x(value)} y={TOP + tall + 16} textAnchor={anchor(x(value), inner)}>
          {n === 0 ? dayLabel(value, to - from) : timeLabel(value, to - from)}
        </text>
      ))}
    </g>
  );
}

// Half of what is written below an axis, at most.
const HALF_LABEL = 24;

/** At the ends a label begins or ends at its place, so that it is not cut. */
function anchor(at: number, inner: number): "start" | "middle" | "end" {
  if (at < LEFT + HALF_LABEL) return "start";
  return at > LEFT + inner - HALF_LABEL ? "end" : "middle";
}

const SHOWN_MAX = 8;

function Under({ lines, at }: { lines: Line[]; at: number }) {
  const shown = lines.filter((line) => !line.faint || lines.length <= SHOWN_MAX);
  return (
    <figcaption
      aria-hidden
      className="pointer-events-none absolute top-2 right-3 rounded border border-line bg-raised px-2 py-1 text-xs shadow"
    >
      <p className="text-muted">{time(at)}</p>
      {shown.slice(0, SHOWN_MAX).map((line) => {
        const value = pointAt(line.points, at)?.[1];
        return (
          <p key={line.name} className="flex items-center gap-1.5 tabular-nums">
            <span
              className="size-2 rounded-full"
              style={{ background: `var(--series-${((line.colour - 1) % 10) + 1})` }}
            />
            <span className="flex-1">{line.name}</span>
            {value === undefined || value === null ? "–" : number(value)}
          </p>
        );
      })}
    </figcaption>
  );
}
