// From a file's columns to those of a stream: names, guessed types, what is left out.
import type { NamedColumn } from "@/forms/ColumnList";
import type { Plan, Target } from "./plan";
import type { Head } from "./protocol";
import type { Row } from "./rows";
import { columnName, faultOf, guessType, isText, isTimeType, plainType } from "./types";

export interface Mapped {
  /** As the file names it. */
  label: string;
  from: number | string;
  /** The stream's column; "" leaves it out. */
  name: string;
  type: string;
}

/** Where the rows go. */
export interface Into {
  kind: "new" | "existing";
  name: string;
  mapped: Mapped[];
  eventTime: string;
  zone: string;
  key: string;
}

export interface FileColumn {
  label: string;
  from: number | string;
  type: string;
  /** Of the first rows. */
  nulls: number;
}

export const valueIn = (row: Row, from: number | string): unknown =>
  row.cells ? row.cells[from as number] : row.event?.[from];

export const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || value === "";

/** The columns of the file; `inferred` are the server's types of JSON. */
export function fileColumns(head: Head, inferred: NamedColumn[]): FileColumn[] {
  const good = head.rows.filter((row) => !row.fault);
  return head.names.map((label, n) => {
    const from = head.format.kind === "csv" ? n : label;
    const values = good.map((row) => valueIn(row, from));
    const nulls = values.filter(isEmpty).length;
    const type =
      head.format.kind === "csv"
        ? guessType(values.map(String))
        : (inferred.find((column) => column.name === label)?.type ?? "string");
    return { label, from, type, nulls };
  });
}

const simple = /^(u?int\d+|float\d+|bool|date|uuid|datetime.*)$/;

/** The columns of a new stream; one with empty values may be null. */
export function forNew(columns: FileColumn[], csv: boolean): Mapped[] {
  const taken = new Set<string>();
  return columns.map(({ label, from, type, nulls }, n) => ({
    label,
    from,
    // Keys of JSON are sent as they are.
    name: csv ? columnName(label, n, taken) : label,
    type: nulls > 0 && simple.test(type) ? `nullable(${type})` : type,
  }));
}

/** The columns of a stream that has names like the file's. */
export function forExisting(columns: FileColumn[], stream: NamedColumn[]): Mapped[] {
  return columns.map(({ label, from }) => {
    const found =
      stream.find((column) => column.name === label) ??
      (typeof from === "number"
        ? stream.find((column) => column.name.toLowerCase() === label.toLowerCase())
        : undefined);
    return { label, from, name: found?.name ?? "", type: found?.type ?? "" };
  });
}

/** What rows can be sent into; the event time always. */
export const streamColumns = (stream: { columns: NamedColumn[] }): NamedColumn[] => [
  ...stream.columns.filter((column) => column.name !== "_tp_time"),
  { name: "_tp_time", type: "datetime64(3, 'UTC')" },
];

/** Times without an offset are those of the zone: a part of the column's type. */
export function inZone(type: string, zone: string): string {
  if (!zone || !/^datetime/.test(plainType(type)) || type.includes("'")) return type;
  return type.replace(/datetime(64)?(\((\d)\))?/i, (_, wide: string, __, scale: string) =>
    wide ? `datetime64(${scale ?? 3}, '${zone}')` : `datetime('${zone}')`,
  );
}

export function planOf(csv: boolean, mapped: Mapped[]): Plan {
  const targets: Target[] = mapped
    .filter((one) => one.name)
    .map(({ from, name, type }) => ({ from, name, type }));
  return { csv, targets };
}

/** Why a column's value of a shown row is bad; "" when it is good. */
export function badCell(row: Row, one: Mapped): string {
  if (!one.name) return "";
  const value = valueIn(row, one.from);
  return row.cells && !isText(one.type) && isEmpty(value) ? "" : faultOf(one.type, value);
}

/** The typed events of a CSV's first rows, to find streams that fit them. */
export function eventsOf(rows: Row[], columns: FileColumn[]): Record<string, unknown>[] {
  return rows
    .filter((row) => !row.fault)
    .map((row) => {
      if (row.event) return row.event;
      return Object.fromEntries(
        columns.map(({ label, from, type }) => [label, typed(row.cells?.[from as number], type)]),
      );
    });
}

function typed(cell: string | undefined, type: string): unknown {
  if (isEmpty(cell) || faultOf(type, cell)) return null;
  const plain = plainType(type);
  if (/^(u?int|float)/.test(plain)) return Number(cell);
  return plain === "bool" ? /^true$/i.test(cell ?? "") : cell;
}

export const timeColumns = (mapped: Mapped[]): string[] =>
  mapped.filter((one) => one.name && isTimeType(one.type)).map((one) => one.name);

/** What is wrong with the columns; "" when the stream can be made. */
export function mappingFault(mapped: Mapped[]): "none" | "twice" | "type" | "" {
  const used = mapped.filter((one) => one.name.trim());
  if (!used.length) return "none";
  if (new Set(used.map((one) => one.name)).size < used.length) return "twice";
  return used.some((one) => !one.type.trim()) ? "type" : "";
}
