// Rows as a table: chosen columns, widths, colour rules, trends, small bars.
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo, useState } from "react";
import { charts } from "@/text/charts";
import { cx } from "@/ui/cx";
import { flag, isObject, type Json, number, object, objects, text, updateOf } from "./config";
import { folded } from "./look";
import type { ChartProps } from "./parts";
import { isLine, type Past, usePast } from "./tableHistory";
import { colourOf } from "./theme";
import { useFollow } from "./useFollow";
import {
  type Column,
  indexOf,
  kindOf,
  numberOf,
  type Row,
  textOf,
  timeOf,
  type Value,
} from "./values";
import { numberText, timeText } from "./words";

interface Shown {
  at: number;
  title: string;
  column: Column;
  style: Json;
}

/** A quarter of a colour of the settings, whichever way that is written. */
function tint(of: unknown): string {
  return `color-mix(in srgb, ${colourOf(of, "transparent")} 25%, transparent)`;
}

/** The columns in the order of the header, without those that the settings hide. */
function shownColumns(columns: Column[], config: Json): Shown[] {
  const styles = object(config, "tableStyles");
  return columns.flatMap((column, at) => {
    const style = isObject(styles[column.name]) ? (styles[column.name] as Json) : {};
    if (style.show === false) return [];
    return [{ at, column, style, title: text(style, "name") || column.name }];
  });
}

const OPERATORS: Record<string, (a: number | string, b: number | string) => boolean> = {
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  "=": (a, b) => a === b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  contains: (a, b) => String(a).includes(String(b)),
};
const NAMED: Record<string, string> = { gt: ">", gte: ">=", lt: "<", lte: "<=", eq: "=", ne: "!=" };

/** The colour of the first rule that a cell meets; files differ in what they call its parts. */
export function ruleColour(style: Json, value: Value | undefined): string {
  for (const rule of objects(style, "conditions")) {
    const sign = text(rule, "operator") || text(rule, "condition") || text(rule, "op") || "=";
    const meets = OPERATORS[NAMED[sign] ?? sign];
    const limit = text(rule, "value");
    const asNumber = Number(limit);
    const numeric = limit !== "" && !Number.isNaN(asNumber) && !Number.isNaN(numberOf(value));
    if (meets?.(numeric ? numberOf(value) : textOf(value), numeric ? asNumber : limit))
      return text(rule, "color");
  }
  return "";
}

export function TableChart({ columns, rows, viz, zone, live }: ChartProps) {
  const { config } = viz;
  const shown = useMemo(() => shownColumns(columns, config), [columns, config]);
  const all = useMemo(() => folded(rows, viz, columns), [rows, viz, columns]);
  const past = usePast(all, columns, viz);
  const limit = number(config, "rowCount") ?? 100;
  const [order, setOrder] = useState<Order | null>(null);
  const visible = arranged(all, columns, order ?? orderOf(config), limit);
  const sort = (column: string) =>
    setOrder((old) => ({ column, down: old?.column === column ? !old.down : true }));
  const now = order ?? orderOf(config);
  const wrap = flag(config, "tableWrap");
  // Appended rows: the newest stay in sight as long as the reader is at the end.
  const follow = useFollow(!!live && !now && updateOf(viz).mode === "all", visible);
  return (
    <section
      {...follow}
      aria-label={charts.types.table}
      tabIndex={0}
      className="h-full overflow-auto"
    >
      <table className="w-full border-collapse text-left text-xs">
        <thead className="sticky top-0 z-10 bg-surface">
          <tr className="text-muted">
            {shown.map((one) => (
              <th
                key={one.column.name}
                scope="col"
                aria-sort={
                  now?.column === one.column.name
                    ? now.down
                      ? "descending"
                      : "ascending"
                    : undefined
                }
                style={{ width: number(one.style, "width") }}
                className={cx(
                  "border-b border-line px-2 py-1 font-medium whitespace-nowrap",
                  kindOf(one.column.type) === "number" && "text-right",
                )}
              >
                <button
                  type="button"
                  className="inline-flex min-h-6 items-center gap-1 hover:text-text"
                  onClick={() => sort(one.column.name)}
                >
                  {one.title}
                  {now?.column === one.column.name && <Sorted down={now.down} />}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {visible.map((row, n) => (
            <Line
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name
              key={n}
              row={row}
              past={past.get(row)}
              shown={shown}
              all={visible}
              config={config}
              wrap={wrap}
              zone={zone}
            />
          ))}
        </tbody>
      </table>
      {!visible.length && <p className="p-3 text-muted">{charts.table.empty}</p>}
    </section>
  );
}

interface Order {
  column: string;
  down: boolean;
}

/** The order that the settings ask for; without one rows stand as they came. */
function orderOf(config: Json): Order | null {
  const sort = object(config, "x_sort");
  const column = text(sort, "column");
  return column ? { column, down: flag(sort, "down") } : null;
}

/** Sorted, the first rows are shown; as they came, the newest. */
function arranged(rows: Row[], columns: Column[], order: Order | null, limit: number): Row[] {
  const at = indexOf(columns, order?.column);
  if (!order || at < 0) return rows.slice(-limit);
  const numeric = kindOf(columns[at]!.type) === "number";
  const sign = order.down ? -1 : 1;
  return [...rows]
    .sort(
      (a, b) =>
        sign *
        (numeric ? numberOf(a[at]) - numberOf(b[at]) : textOf(a[at]).localeCompare(textOf(b[at]))),
    )
    .slice(0, limit);
}

function Sorted({ down }: { down: boolean }) {
  const Arrow = down ? ArrowDown : ArrowUp;
  return <Arrow aria-hidden size={12} />;
}

interface LineProps {
  row: Row;
  past: ReturnType<Past["get"]>;
  shown: Shown[];
  all: Row[];
  config: Json;
  wrap: boolean;
  zone: string | undefined;
}

function Line({ row, past, shown, all, config, wrap, zone }: LineProps) {
  const whole = shown
    .filter((one) => one.style.highlightRow === true)
    .map((one) => ruleColour(one.style, row[one.at]))
    .find(Boolean);
  return (
    <tr
      className="h-(--row) border-b border-line/60"
      style={whole ? { background: tint(whole) } : undefined}
    >
      {shown.map((one) => (
        <Cell key={one.column.name} {...{ row, past, one, all, config, wrap, zone }} />
      ))}
    </tr>
  );
}

interface CellProps extends Omit<LineProps, "shown"> {
  one: Shown;
}

function Cell({ row, past, one, all, config, wrap, zone }: CellProps) {
  const { at, column, style } = one;
  const kind = kindOf(column.type);
  const value = row[at];
  const rule = style.highlightRow === true ? "" : ruleColour(style, value);
  const colour = colourOf(rule, "");
  const mini = text(style, "miniChartType");
  const words =
    kind === "time"
      ? timeText(timeOf(value), zone) || textOf(value)
      : kind === "number" && value !== null
        ? numberText({ ...config, ...style })(numberOf(value))
        : textOf(value);
  return (
    <td
      style={colour ? { background: tint(colour) } : undefined}
      className={cx(
        "px-2 py-0.5",
        kind === "number" ? "text-right tabular-nums" : wrap ? "break-words" : "max-w-96 truncate",
        kind === "time" && "whitespace-nowrap tabular-nums",
      )}
    >
      <span className={cx(kind === "number" && "flex items-center justify-end gap-1")}>
        {(mini === "bar" || mini === "progress") && <MiniBar {...{ all, at, value }} />}
        {isLine(style) && <MiniLine values={past?.get(at) ?? []} />}
        {words}
        {style.trend === true && <Trend style={style} values={past?.get(at) ?? []} />}
      </span>
    </td>
  );
}

function MiniBar({ all, at, value }: { all: Row[]; at: number; value: Value | undefined }) {
  const most = Math.max(...all.map((row) => numberOf(row[at])).filter(Number.isFinite), 0) || 1;
  const share = Math.max(0, Math.min(1, numberOf(value) / most)) || 0;
  return (
    <span aria-hidden className="mr-auto inline-block h-2 w-14 shrink-0 rounded-sm bg-line">
      <span className="block h-2 rounded-sm bg-accent" style={{ width: `${share * 100}%` }} />
    </span>
  );
}

const LINE = { width: 56, height: 14 };

function MiniLine({ values }: { values: number[] }) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const step = LINE.width / Math.max(1, values.length - 1);
  const points = values.map((value, n) => {
    const y = LINE.height - 1 - ((value - low) / (high - low || 1)) * (LINE.height - 2);
    return `${(n * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg aria-hidden {...LINE} className="mr-auto shrink-0">
      {values.length > 1 && (
        <polyline points={points.join(" ")} fill="none" stroke="var(--accent)" strokeWidth={1.5} />
      )}
    </svg>
  );
}

/** Which way the value went; the room for it is there before it went any way. */
function Trend({ style, values }: { style: Json; values: number[] }) {
  const change = (values.at(-1) ?? 0) - (values.at(-2) ?? values.at(-1) ?? 0);
  if (!change) return <span aria-hidden className="inline-block w-3" />;
  const Arrow = change > 0 ? ArrowUp : ArrowDown;
  const named = change > 0 ? "increaseColor" : "decreaseColor";
  const colour = colourOf(style[named], change > 0 ? "var(--good)" : "var(--bad)");
  return (
    <span role="img" aria-label={change > 0 ? charts.up : charts.down} style={{ color: colour }}>
      <Arrow aria-hidden size={12} />
    </span>
  );
}
