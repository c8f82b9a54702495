// Rows as lines of a log: time, level in its colour, message, the rest behind it.
import { charts } from "@/text/charts";
import { cx } from "@/ui/cx";
import { flag, number, text } from "./config";
import { folded } from "./look";
import type { ChartProps } from "./parts";
import { useFollow } from "./useFollow";
import { type Column, indexOf, kindOf, textOf, timeOf } from "./values";
import { timeText } from "./words";

const MESSAGE = ["message", "msg", "log", "line", "body", "raw", "text"];
const LEVEL = ["level", "severity", "log_level", "loglevel"];

function column(columns: Column[], named: string, usual: string[]): number {
  const at = indexOf(columns, named);
  return at >= 0 ? at : columns.findIndex((one) => usual.includes(one.name.toLowerCase()));
}

function tone(level: string): string {
  if (/^(err|fatal|crit|emerg|alert|panic)/i.test(level)) return "text-bad";
  if (/^warn/i.test(level)) return "text-warn";
  if (/^(debug|trace)/i.test(level)) return "text-muted";
  return "text-info";
}

export function LogsChart({ columns, rows, viz, zone }: ChartProps) {
  const { config } = viz;
  const lines = folded(rows, viz, columns).slice(-(number(config, "rowCount") ?? 200));
  const message = column(columns, text(config, "message"), MESSAGE);
  const level = column(columns, text(config, "level"), LEVEL);
  const named = indexOf(columns, text(config, "xAxis"));
  const time = named >= 0 ? named : columns.findIndex((one) => kindOf(one.type) === "time");
  const rest = columns.map((_, n) => n).filter((n) => n !== message && n !== level && n !== time);
  const wrap = flag(config, "tableWrap", true);
  const follow = useFollow(true, lines);
  return (
    <section
      {...follow}
      aria-label={charts.types.logs}
      tabIndex={0}
      className="h-full overflow-auto p-1 font-mono text-xs"
    >
      {lines.map((row, n) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name
          key={n}
          className={cx(
            "px-1 py-px hover:bg-accent-soft/50",
            wrap ? "break-words" : "whitespace-nowrap",
          )}
        >
          {time >= 0 && <span className="text-muted">{timeText(timeOf(row[time]), zone)} </span>}
          {level >= 0 && (
            <span className={tone(textOf(row[level]))}>{textOf(row[level]).padEnd(5)} </span>
          )}
          {message >= 0 && <span>{textOf(row[message])} </span>}
          <span className={message >= 0 ? "text-muted" : ""}>
            {rest.map((at) => `${columns[at]!.name}=${textOf(row[at])}`).join(" ")}
          </span>
        </div>
      ))}
      {!lines.length && <p className="p-2 font-sans text-muted">{charts.table.empty}</p>}
    </section>
  );
}
