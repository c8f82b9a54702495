// Three queries that run on a stream of the workspace, written for its columns.
import { type Catalog, type CatalogObject, isInternal, isNumber, isText } from "@/editor/catalog";
import { written } from "@/editor/scan";
import { query } from "@/text/query";

export interface Example {
  title: string;
  why: string;
  sql: string;
}

const t = query.examples;

/** The stream with most to show: a number and a text first. */
export function streamForExamples(catalog: Catalog): CatalogObject | undefined {
  const streams = catalog.objects.filter(
    (one) =>
      (one.kind === "stream" || one.kind === "random_stream") &&
      one.columns.length > 0 &&
      !isInternal(one),
  );
  const worth = (one: CatalogObject) =>
    Number(one.columns.some((column) => isNumber(column.type))) +
    Number(one.columns.some((column) => isText(column.type)));
  return streams.toSorted((a, b) => worth(b) - worth(a))[0];
}

export function examplesOf(stream: CatalogObject): Example[] {
  const name = written(stream.name);
  const number = stream.columns.find((one) => isNumber(one.type))?.name;
  const text = stream.columns.find((one) => isText(one.type))?.name;
  const group = text ? `${written(text)}, ` : "";
  const measure = number
    ? `avg(${written(number)}) AS average, max(${written(number)}) AS highest`
    : "count() AS events";
  const window = [
    `SELECT window_start, ${group}${measure}`,
    `FROM tumble(${name}, 5s)`,
    `GROUP BY window_start${text ? `, ${written(text)}` : ""}`,
  ];
  const past = [
    `SELECT ${group}count() AS events, max(_tp_time) AS newest`,
    `FROM table(${name})`,
    ...(text ? [`GROUP BY ${written(text)}`] : []),
    ...(text ? ["ORDER BY events DESC", "LIMIT 20"] : []),
  ];
  return [
    { title: t.follow(stream.name), why: t.followWhy, sql: `SELECT * FROM ${name}` },
    { title: t.window(stream.name), why: t.windowWhy, sql: window.join("\n") },
    { title: t.past(stream.name), why: t.pastWhy, sql: past.join("\n") },
  ];
}
