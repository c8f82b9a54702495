// Templates of dashboards over the sample streams and over the server's own state.
import type { Stream } from "@/api/types";
import type { Json } from "@/charts/config";

export interface Template {
  id: string;
  name: string;
  text: string;
  /** Columns that the stream must have; none: no stream is asked for. */
  columns: string[];
  /** Kind of the sample generator that makes such a stream. */
  sample: "iot" | "user_logins" | "devops";
  panels: (stream: string) => Json[];
}

interface Spec {
  title: string;
  at: [x: number, y: number, w: number, h: number];
  sql: string;
  chartType: string;
  config?: Json;
}

function panel({ title, at: [x, y, w, h], sql, chartType, config = {} }: Spec): Json {
  return {
    title,
    position: { x, y, w, h },
    viz_type: "chart",
    viz_content: sql,
    viz_config: { chartType, config },
  };
}

function markdown(text: string, at: Spec["at"]): Json {
  const [x, y, w, h] = at;
  return {
    title: "",
    position: { x, y, w, h },
    viz_type: "markdown",
    viz_content: "",
    viz_config: { mdString: text },
  };
}

function control(title: string, config: Json): Json {
  return {
    title,
    position: { x: 0, y: 0, w: 3, h: 1 },
    viz_type: "control",
    viz_content: "",
    viz_config: { chartType: "selector", config: { label: title, ...config } },
  };
}

const name = (stream: string) => `\`${stream.replaceAll("`", "\\`")}\``;

const iot: Template = {
  id: "iot",
  name: "Sensors (IoT)",
  text: "Temperature and humidity by device, the newest reading of each, where they are.",
  columns: ["device", "temperature", "humidity", "battery", "location", "latitude", "longitude"],
  sample: "iot",
  panels: (stream) => [
    control("Location", {
      target: "location",
      defaultValue: "%",
      inlineValues: "%",
      x_optionsSql: `SELECT DISTINCT location FROM table(${name(stream)}) ORDER BY location LIMIT 100`,
    }),
    panel({
      title: "Temperature by location",
      at: [0, 0, 6, 5],
      sql: `SELECT window_start, location, avg(temperature) AS temperature\nFROM tumble(${name(stream)}, 1s)\nWHERE location LIKE '{{location}}'\nGROUP BY window_start, location`,
      chartType: "line",
      config: {
        xAxis: "window_start",
        yAxis: "temperature",
        color: "location",
        xRange: "5",
        unit: { position: "right", value: "°C" },
      },
    }),
    panel({
      title: "Average temperature",
      at: [6, 0, 3, 5],
      sql: `SELECT window_start, avg(temperature) AS value FROM tumble(${name(stream)}, 1s)\nWHERE location LIKE '{{location}}' GROUP BY window_start`,
      chartType: "singleValue",
      config: {
        value: "value",
        fractionDigits: 1,
        delta: true,
        sparkline: true,
        unit: { position: "right", value: "°C" },
      },
    }),
    panel({
      title: "Battery by device",
      at: [9, 0, 3, 5],
      sql: `SELECT device, battery FROM ${name(stream)} WHERE location LIKE '{{location}}'`,
      chartType: "bar",
      config: { xAxis: "device", yAxis: "battery", updateMode: "key", updateKey: "device" },
    }),
    panel({
      title: "Where they are",
      at: [0, 5, 6, 6],
      sql: `SELECT device, location, latitude, longitude, temperature FROM ${name(stream)} WHERE location LIKE '{{location}}'`,
      chartType: "geo",
      config: {
        longitude: "longitude",
        latitude: "latitude",
        color: "location",
        updateMode: "key",
        updateKey: "device",
        size: { key: "temperature", value: 8, range: [6, 20] },
      },
    }),
    panel({
      title: "Newest readings",
      at: [6, 5, 6, 6],
      sql: `SELECT device, location, temperature, humidity, battery FROM ${name(stream)} WHERE location LIKE '{{location}}'`,
      chartType: "table",
      config: {
        rowCount: 50,
        updateMode: "key",
        updateKey: "device",
        fractionDigits: 1,
        tableStyles: {
          temperature: {
            trend: true,
            conditions: [{ operator: ">", value: "30", color: "#d55e00" }],
          },
          battery: { miniChartType: "bar" },
        },
      },
    }),
  ],
};

const logins: Template = {
  id: "logins",
  name: "Log-ins",
  text: "Sign-ins a second, failures by country, methods, who fails most.",
  columns: ["user", "country", "method", "success", "ip", "duration_ms"],
  sample: "user_logins",
  panels: (stream) => [
    panel({
      title: "Sign-ins a second",
      at: [0, 0, 6, 5],
      sql: `SELECT window_start, if(success, 'good', 'failed') AS result, count() AS logins\nFROM tumble(${name(stream)}, 1s) GROUP BY window_start, result`,
      chartType: "area",
      config: { xAxis: "window_start", yAxis: "logins", color: "result", xRange: "5" },
    }),
    panel({
      title: "Failed",
      at: [6, 0, 3, 5],
      sql: `SELECT window_start, 100 * count_if(NOT success) / count() AS failed\nFROM tumble(${name(stream)}, 5s) GROUP BY window_start`,
      chartType: "gauge",
      config: {
        value: "failed",
        min: 0,
        max: 100,
        fractionDigits: 1,
        unit: { position: "right", value: "%" },
      },
    }),
    panel({
      title: "Methods",
      at: [9, 0, 3, 5],
      sql: `SELECT method, count() AS logins FROM ${name(stream)} GROUP BY method EMIT PERIODIC 1s`,
      chartType: "pie",
      config: {
        value: "logins",
        color: "method",
        donut: true,
        updateMode: "key",
        updateKey: "method",
      },
    }),
    panel({
      title: "Failures by country",
      at: [0, 5, 6, 5],
      sql: `SELECT country, count() AS failures FROM ${name(stream)} WHERE NOT success GROUP BY country EMIT PERIODIC 1s`,
      chartType: "column",
      config: { xAxis: "country", yAxis: "failures", updateMode: "key", updateKey: "country" },
    }),
    panel({
      title: "Users who fail most",
      at: [6, 5, 6, 5],
      sql: `SELECT user, count() AS failures, uniq(ip) AS addresses FROM ${name(stream)} WHERE NOT success\nGROUP BY user EMIT PERIODIC 1s`,
      chartType: "table",
      config: {
        rowCount: 10,
        x_sort: { column: "failures", down: true },
        updateMode: "key",
        updateKey: "user",
        tableStyles: { failures: { miniChartType: "bar" } },
      },
    }),
  ],
};

const devops: Template = {
  id: "devops",
  name: "DevOps",
  text: "Processor and latency by service, hosts under load, log lines with warnings.",
  columns: ["host", "region", "service", "cpu", "memory", "latency_ms", "level", "status"],
  sample: "devops",
  panels: (stream) => [
    control("Region", {
      target: "region",
      defaultValue: "%",
      inlineValues: "%",
      x_optionsSql: `SELECT DISTINCT region FROM table(${name(stream)}) ORDER BY region LIMIT 100`,
    }),
    panel({
      title: "Processor by service",
      at: [0, 0, 6, 5],
      sql: `SELECT window_start, service, avg(cpu) AS cpu FROM tumble(${name(stream)}, 1s)\nWHERE region LIKE '{{region}}' GROUP BY window_start, service`,
      chartType: "line",
      config: {
        xAxis: "window_start",
        yAxis: "cpu",
        color: "service",
        xRange: "5",
        unit: { position: "right", value: "%" },
      },
    }),
    panel({
      title: "Latency",
      at: [6, 0, 6, 5],
      sql: `SELECT window_start, quantile(latency_ms, 0.5) AS p50, quantile(latency_ms, 0.95) AS p95\nFROM tumble(${name(stream)}, 1s) WHERE region LIKE '{{region}}' GROUP BY window_start`,
      chartType: "line",
      config: {
        xAxis: "window_start",
        yAxis: ["p50", "p95"],
        xRange: "5",
        unit: { position: "right", value: "ms" },
      },
    }),
    panel({
      title: "Memory by host and service",
      at: [0, 5, 6, 5],
      sql: `SELECT region, service, avg(memory) AS memory FROM ${name(stream)} WHERE region LIKE '{{region}}'\nGROUP BY region, service EMIT PERIODIC 1s`,
      chartType: "heatmap",
      config: {
        xAxis: "service",
        yAxis: "region",
        value: "memory",
        updateMode: "key",
        updateKey: ["region", "service"],
      },
    }),
    panel({
      title: "Warnings and errors",
      at: [6, 5, 6, 5],
      sql: `SELECT _tp_time, level, host, service, status, latency_ms FROM ${name(stream)}\nWHERE level != 'info' AND region LIKE '{{region}}'`,
      chartType: "logs",
    }),
  ],
};

const health: Template = {
  id: "health",
  name: "Platform health",
  text: "Of one stream: rows a second, the delay from the event until it is stored, the newest rows.",
  columns: [],
  sample: "iot",
  panels: (stream) => [
    markdown(
      `### \`${stream}\`\nWhat comes in, and how long it takes from the event until it is stored.`,
      [0, 0, 12, 2],
    ),
    panel({
      title: "Rows a second",
      at: [0, 2, 6, 5],
      sql: `SELECT window_start, count() AS rows FROM tumble(${name(stream)}, 1s) GROUP BY window_start`,
      chartType: "area",
      config: { xAxis: "window_start", yAxis: "rows", xRange: "15" },
    }),
    panel({
      title: "Delay from event to append",
      at: [6, 2, 6, 5],
      sql: `SELECT window_start, avg(_tp_append_time - to_unix_timestamp64_milli(_tp_time)) AS mean,\n  max(_tp_append_time - to_unix_timestamp64_milli(_tp_time)) AS longest\nFROM tumble(${name(stream)}, 1s) GROUP BY window_start`,
      chartType: "line",
      config: {
        xAxis: "window_start",
        yAxis: ["mean", "longest"],
        xRange: "15",
        unit: { position: "right", value: "ms" },
      },
    }),
    panel({
      title: "Now",
      at: [0, 7, 3, 4],
      sql: `SELECT window_start, count() AS rows FROM tumble(${name(stream)}, 1s) GROUP BY window_start`,
      chartType: "singleValue",
      config: {
        value: "rows",
        sparkline: true,
        delta: true,
        unit: { position: "right", value: "rows/s" },
      },
    }),
    panel({
      title: "Newest rows",
      at: [3, 7, 9, 4],
      sql: `SELECT * FROM ${name(stream)}`,
      chartType: "table",
      config: { rowCount: 20 },
    }),
  ],
};

export const TEMPLATES: Template[] = [iot, logins, devops, health];

/** Streams that a template can be made over. */
export function fitting(template: Template, streams: Stream[]): string[] {
  return streams
    .filter((stream) => {
      // Names that begin so are the server's own: dead letters and the like.
      if (stream.name.startsWith("_")) return false;
      const names = new Set(stream.columns.map((column) => column.name));
      return template.columns.every((column) => names.has(column));
    })
    .map((stream) => stream.name);
}
