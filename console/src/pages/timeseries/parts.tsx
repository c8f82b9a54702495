// Parts that the tabs of the time-series page share: range, pages, plain tables, first value.
import { ChevronLeft, ChevronRight, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { ROOT } from "@/app/place";
import { timeseries as text } from "@/text/timeseries";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { cx } from "@/ui/cx";
import { Empty } from "@/ui/Empty";
import { TextField } from "@/ui/Field";
import { type Api, type Range, seriesPath } from "./calls";

/** What a page says when nothing was sent yet, with a command that sends the first value. */
export function FirstValue(props: {
  icon: LucideIcon;
  title: string;
  api: Api;
  path: string;
  body: object;
  children?: ReactNode;
}) {
  const url = `${window.location.origin}${ROOT}${seriesPath(props.api, props.path)}`;
  const command = [
    `curl -X POST '${url}'`,
    `-H "X-API-Key: $TAILRACE_API_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d '${JSON.stringify(props.body)}'`,
  ].join(" \\\n  ");
  return (
    <Empty icon={props.icon} title={props.title}>
      <p>{text.send}</p>
      <div className="w-[min(36rem,calc(100vw-4rem))]">
        <CodeBlock text={command} label={text.send} />
      </div>
      <p className="text-xs">{text.keyHint}</p>
      {props.children}
    </Empty>
  );
}

/** ISO -> what a field for date and time shows, in the reader's zone. */
function local(value: string | undefined): string {
  if (!value) return "";
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

const utc = (value: string): string | undefined =>
  value && !Number.isNaN(Date.parse(value)) ? new Date(value).toISOString() : undefined;

export function RangeFields({ from, to, set }: Range & { set: (range: Range) => void }) {
  return (
    <>
      <TextField
        label={text.from}
        type="datetime-local"
        step={1}
        value={local(from)}
        onChange={(event) => set({ from: utc(event.target.value), to })}
      />
      <TextField
        label={text.to}
        type="datetime-local"
        step={1}
        value={local(to)}
        onChange={(event) => set({ from, to: utc(event.target.value) })}
      />
    </>
  );
}

interface PagesProps {
  offset: number;
  shown: number;
  size: number;
  more: boolean;
  total?: number;
  go: (offset: number) => void;
}

export function Pages({ offset, shown, size, more, total, go }: PagesProps) {
  if (!offset && !more)
    return <p className="p-2 text-right text-xs text-muted">{text.all(total ?? shown)}</p>;
  return (
    <div className="flex items-center justify-end gap-2 p-2 text-xs text-muted">
      <span>{text.page(offset + 1, offset + shown, total)}</span>
      <Button icon={ChevronLeft} disabled={!offset} onClick={() => go(Math.max(0, offset - size))}>
        {text.previous}
      </Button>
      <Button icon={ChevronRight} disabled={!more} onClick={() => go(offset + size)}>
        {text.next}
      </Button>
    </div>
  );
}

export interface Cell<T> {
  title: string;
  cell: (row: T) => ReactNode;
  numeric?: boolean;
}

/** A table of a page of rows, which the server has put in order. */
export function Rows<T>(props: {
  label: string;
  rows: T[];
  columns: Cell<T>[];
  id: (row: T, n: number) => string;
  children?: ReactNode;
}) {
  const { label, rows, columns } = props;
  return (
    <div className="min-w-0 rounded-lg border border-line bg-surface">
      <section aria-label={label} tabIndex={0} className="overflow-x-auto">
        <table aria-label={label} className="w-full border-collapse text-left">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {columns.map((column) => (
                <th
                  key={column.title}
                  className={cx(
                    "px-2 py-1 font-medium whitespace-nowrap",
                    column.numeric && "text-right",
                  )}
                >
                  {column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, n) => (
              <tr
                key={props.id(row, n)}
                className="h-(--row) border-b border-line last:border-0 hover:bg-accent-soft/50"
              >
                {columns.map((column) => (
                  <td
                    key={column.title}
                    className={cx(
                      "max-w-96 truncate px-2 py-0.5",
                      column.numeric && "text-right tabular-nums",
                    )}
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {!rows.length && <p className="p-4 text-center text-muted">{text.nothingThere}</p>}
      </section>
      {props.children}
    </div>
  );
}

/** Keys and values, such as tags; nested ones as JSON. */
export function Pairs({ of, label }: { of: Record<string, unknown> | undefined; label: string }) {
  const entries = Object.entries(of ?? {});
  return (
    <div>
      <h2 className="mb-1 text-xs font-semibold text-muted">{label}</h2>
      {entries.length ? (
        <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5">
          {entries.map(([key, value]) => (
            <div key={key} className="contents">
              <dt className="text-muted">{key}</dt>
              <dd className="min-w-0 font-mono text-xs leading-5 break-words">{plain(value)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p className="text-muted">{text.none}</p>
      )}
    </div>
  );
}

/** A value as the text of a cell. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export const ACTION =
  "min-h-6 max-w-full truncate text-left font-medium text-accent hover:underline";
