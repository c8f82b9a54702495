// A list of objects: search, sort, choice of columns, count, choice of several rows.
import { ArrowDown, ArrowUp, Columns3 } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { app } from "@/text/app";
import { IconButton } from "./Button";
import { cx } from "./cx";
import { TextField } from "./Field";
import { Menu } from "./Menu";

export interface TableColumn<T> {
  id: string;
  title: string;
  cell: (row: T) => ReactNode;
  /** What rows are sorted and searched by; without it the column is neither. */
  value?: (row: T) => string | number;
  /** Numbers stand at the right. */
  numeric?: boolean;
  /** Not shown until it is chosen. */
  extra?: boolean;
}

interface Props<T> {
  label: string;
  rows: T[];
  columns: TableColumn<T>[];
  id: (row: T) => string;
  onOpen?: (row: T) => void;
  /** What can be done with the chosen rows; without it none can be chosen. */
  bulk?: (rows: T[], clear: () => void) => ReactNode;
  /** Which rows can be chosen; without it all can. */
  choosable?: (row: T) => boolean;
  /** Beside the search field. */
  filters?: ReactNode;
  empty?: ReactNode;
}

interface Order {
  column: string;
  down: boolean;
}

// On a small screen rows are one line high and go sideways under a first column that stays.
const CELL_NARROW = "max-sm:max-w-[60vw] max-sm:truncate";
const FIRST_NARROW =
  "max-sm:sticky max-sm:left-0 max-sm:z-10 max-sm:max-w-[45vw] max-sm:bg-surface";

/** Columns that the reader hid, kept in this browser for each list. */
function useHidden<T>(label: string, columns: TableColumn<T>[]) {
  const key = `tailrace.columns.${label}`;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(() => {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "");
      if (Array.isArray(kept)) return new Set(kept.map(String));
    } catch {}
    return new Set(columns.filter((column) => column.extra).map((column) => column.id));
  });
  const keep = (now: ReadonlySet<string>) => {
    localStorage.setItem(key, JSON.stringify([...now]));
    setHidden(now);
  };
  return [hidden, keep] as const;
}

function sorted<T>(rows: T[], columns: TableColumn<T>[], order: Order | null): T[] {
  const value = columns.find((column) => column.id === order?.column)?.value;
  if (!order || !value) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    const less =
      typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return sign * less;
  });
}

export function DataTable<T>(props: Props<T>) {
  const { label, rows, columns, id, onOpen, bulk, choosable = () => true, filters, empty } = props;
  const [text, setText] = useState("");
  const [order, setOrder] = useState<Order | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [hidden, setHidden] = useHidden(label, columns);
  const shown = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const fits = wanted
      ? rows.filter((row) =>
          columns.some((c) => c.value && String(c.value(row)).toLowerCase().includes(wanted)),
        )
      : rows;
    return sorted(fits, columns, order);
  }, [rows, columns, text, order]);
  const visible = columns.filter((column) => !hidden.has(column.id));
  const open = shown.filter(choosable);
  const picked = rows.filter((row) => chosen.has(id(row)));
  // A row is called by what its first column shows: ids say nothing to a reader.
  const named = (row: T) => String(columns[0]?.value?.(row) || id(row));
  const toggle = (key: string) => {
    const now = new Set(chosen);
    if (!now.delete(key)) now.add(key);
    setChosen(now);
  };
  const sort = (column: string) =>
    setOrder((old) =>
      old?.column === column ? { column, down: !old.down } : { column, down: false },
    );
  if (!rows.length && empty) return empty;
  return (
    <div className="rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-center gap-2 border-b border-line p-2">
        <div className="max-w-56 flex-[1_1_8rem]">
          <TextField
            label={`${app.search} ${label}`}
            bare
            type="search"
            data-page-search
            placeholder={app.search}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        {filters}
        {picked.length > 0 && bulk ? (
          <>
            <span>{app.selected(picked.length)}</span>
            {bulk(picked, () => setChosen(new Set()))}
          </>
        ) : null}
        <div className="ml-auto flex items-center gap-2">
          <span className="text-xs text-muted">{app.count(shown.length, rows.length)}</span>
          <Menu
            trigger={<IconButton icon={Columns3} label={app.columns} />}
            items={columns
              .filter(({ title }) => title)
              .map((column) => ({
                label: column.title,
                checked: !hidden.has(column.id),
                onSelect: () => {
                  const now = new Set(hidden);
                  if (!now.delete(column.id)) now.add(column.id);
                  setHidden(now);
                },
              }))}
          />
        </div>
      </div>
      <section aria-label={label} tabIndex={0} className="relative overflow-x-auto">
        <table aria-label={label} className="w-full border-collapse text-left">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {bulk && (
                <th className="w-8 px-1">
                  <Pick
                    label={`${label}: ${app.allRows}`}
                    checked={open.length > 0 && open.every((row) => chosen.has(id(row)))}
                    onChange={(on) => setChosen(new Set(on ? open.map(id) : []))}
                  />
                </th>
              )}
              {visible.map((column, n) => (
                <Heading
                  key={column.id}
                  column={column}
                  first={n === 0}
                  order={order}
                  sort={sort}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr
                key={id(row)}
                className="h-(--row) border-b border-line last:border-0 hover:bg-accent-soft/50"
              >
                {bulk && (
                  <td className="px-1">
                    {choosable(row) && (
                      <Pick
                        label={`${label}: ${named(row)}`}
                        checked={chosen.has(id(row))}
                        onChange={() => toggle(id(row))}
                      />
                    )}
                  </td>
                )}
                {visible.map((column, n) => (
                  <td
                    key={column.id}
                    className={cx(
                      "px-2 py-0.5",
                      CELL_NARROW,
                      n === 0 && FIRST_NARROW,
                      column.numeric && "text-right tabular-nums",
                    )}
                  >
                    {n === 0 && onOpen ? (
                      <button
                        type="button"
                        className="min-h-6 min-w-6 text-left font-medium text-accent hover:underline"
                        onClick={() => onOpen(row)}
                      >
                        {column.cell(row)}
                      </button>
                    ) : (
                      column.cell(row)
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {!shown.length && <p className="p-4 text-center text-muted">{app.nothingFound}</p>}
      </section>
    </div>
  );
}

interface HeadingProps<T> {
  column: TableColumn<T>;
  first: boolean;
  order: Order | null;
  sort: (column: string) => void;
}

function Heading<T>({ column, first, order, sort }: HeadingProps<T>) {
  const mine = order?.column === column.id ? order : null;
  const Arrow = mine?.down ? ArrowDown : ArrowUp;
  return (
    <th
      aria-sort={mine ? (mine.down ? "descending" : "ascending") : undefined}
      className={cx(
        "px-2 py-1 font-medium whitespace-nowrap",
        first && FIRST_NARROW,
        column.numeric && "text-right",
      )}
    >
      {column.value ? (
        <button
          type="button"
          className="inline-flex min-h-6 min-w-6 items-center gap-1 hover:text-text"
          onClick={() => sort(column.id)}
        >
          {column.title}
          {mine && <Arrow aria-hidden size={12} />}
        </button>
      ) : (
        column.title || <span className="sr-only">{app.actions}</span>
      )}
    </th>
  );
}

interface PickProps {
  label: string;
  checked: boolean;
  onChange: (on: boolean) => void;
}

/** A box to tick, in an area of 24 pixels. */
function Pick({ label, checked, onChange }: PickProps) {
  return (
    <label className="grid size-6 cursor-pointer place-items-center">
      <input
        type="checkbox"
        aria-label={label}
        className="size-4 accent-(--accent)"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
    </label>
  );
}
