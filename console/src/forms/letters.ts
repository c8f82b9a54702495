// What a dead-letter stream holds: how many, since when, the newest.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";
import { quoted } from "./sql";

type Answer = Schemas["HistoricalQueryResponse"];

const NEWEST = 20;
const REFRESH_MS = 10_000;

export interface Letters {
  count: number;
  first: string;
  last: string;
  columns: string[];
  rows: unknown[][];
}

export const lettersSql = (stream: string, limit = 100): string =>
  `SELECT * FROM table(${quoted(stream)}) ORDER BY _tp_time DESC LIMIT ${limit}`;

const read = (sql: string): Promise<Answer> =>
  call<Answer>("exec", { body: { sql, type: "historical" } });

// What stands in every letter, and the order in which it is read; ids of its place are left out.
const SHOWN = ["time", "error", "raw"];

export const lettersQuery = (stream: string) =>
  queryOptions({
    queryKey: ["letters", stream],
    queryFn: async (): Promise<Letters> => {
      const from = `FROM table(${quoted(stream)})`;
      const [counted, newest] = await Promise.all([
        read(`SELECT count(), min(_tp_time), max(_tp_time) ${from}`),
        read(lettersSql(stream, NEWEST)),
      ]);
      const [count, first, last] = counted.data[0] ?? [];
      const names = newest.columns.map((column) => column.name);
      const columns = SHOWN.filter((name) => names.includes(name));
      const rows = newest.data.map((row) => columns.map((name) => row[names.indexOf(name)]));
      return { count: Number(count), first: String(first), last: String(last), columns, rows };
    },
    refetchInterval: REFRESH_MS,
  });
