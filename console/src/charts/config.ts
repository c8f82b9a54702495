// A panel's `viz_config`: what kind of chart and its settings, read with tolerance, changed without loss.
export type Json = { [key: string]: unknown };

export const CHART_TYPES = [
  "line",
  "area",
  "bar",
  "column",
  "table",
  "singleValue",
  "pie",
  "gauge",
  "histogram",
  "heatmap",
  "ohlc",
  "geo",
  "md",
  "logs",
  "stateTimeline",
  "grammar",
] as const;
export type ChartType = (typeof CHART_TYPES)[number];

/** Kinds that only this console draws; elsewhere they are shown as unknown. */
export const OWN_TYPES: ReadonlySet<string> = new Set<ChartType>([
  "heatmap",
  "pie",
  "gauge",
  "histogram",
  "logs",
  "stateTimeline",
]);

/** The form that is written: `{chartType, config: {...}}`. */
export interface Viz {
  chartType: string;
  config: Json;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isChartType(name: string): name is ChartType {
  return (CHART_TYPES as readonly string[]).includes(name);
}

/** Kind and settings of a `viz_config`: files say `chartType`, the API's text says `chart_type`;
 * settings stand below `config`, in some files beside it. "" as kind: it names none. */
export function vizOf(raw: Json): Viz {
  const named = raw.chartType ?? raw.chart_type;
  const { chartType: _a, chart_type: _b, config, ...beside } = raw;
  return {
    chartType: typeof named === "string" ? named : "",
    config: isObject(config) ? { ...beside, ...config } : beside,
  };
}

/** `raw` with another kind and settings; keys that nobody here knows stay where they were. */
export function withViz(raw: Json, viz: Viz): Json {
  const { chart_type: _old, ...kept } = raw;
  const below: Json = {};
  const beside: Json = { ...kept };
  for (const [key, value] of Object.entries(viz.config)) {
    const inConfig = isObject(raw.config) && key in raw.config;
    if (!inConfig && key in kept && key !== "config") beside[key] = value;
    else below[key] = value;
  }
  for (const key of Object.keys(kept))
    if (key !== "chartType" && key !== "config" && !(key in viz.config)) delete beside[key];
  return { ...beside, chartType: viz.chartType, config: below };
}

export function text(config: Json, key: string, otherwise = ""): string {
  const value = config[key];
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : otherwise;
}

/** A setting that is one name or a list of names. */
export function list(config: Json, key: string): string[] {
  const value = config[key];
  if (Array.isArray(value)) return value.filter((one): one is string => typeof one === "string");
  return typeof value === "string" && value ? [value] : [];
}

/** A number, also when it is written as a text; `Infinity` counts. */
export function number(config: Json, key: string): number | undefined {
  const value = config[key];
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (typeof value !== "string" || !value.trim()) return undefined;
  const read = Number(value);
  return Number.isNaN(read) ? undefined : read;
}

export function flag(config: Json, key: string, otherwise = false): boolean {
  const value = config[key];
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  return otherwise;
}

export function object(config: Json, key: string): Json {
  const value = config[key];
  return isObject(value) ? value : {};
}

export function objects(config: Json, key: string): Json[] {
  const value = config[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Width of the time axis in milliseconds: `xRange` are minutes; undefined is all there is. */
export function rangeMs(config: Json): number | undefined {
  const minutes = number(config, "xRange");
  return minutes && Number.isFinite(minutes) && minutes > 0 ? minutes * 60_000 : undefined;
}

/** The settings with the width of the page's own range in the place of the panel's. */
export function withRange(viz: Viz, ms: number | undefined): Viz {
  if (!ms) return viz;
  const minutes = ms / 60_000;
  const own = viz.chartType === "grammar" ? { temporalRange: minutes } : { xRange: minutes };
  return { ...viz, config: { ...viz.config, ...own } };
}

export type UpdateMode = "all" | "time" | "key";

/** How new rows change what is shown. A grammar panel's frame and key modes say the same. */
export function updateOf(viz: Viz): { mode: UpdateMode; key: string[] } {
  const { config } = viz;
  if (viz.chartType === "grammar") {
    const temporal = text(config, "temporalMode");
    const field = list(config, "temporalField").length ? "temporalField" : "xField";
    if (temporal === "frame") return { mode: "time", key: list(config, field) };
    if (temporal === "key")
      return {
        mode: "key",
        key: list(config, "keyField").length ? list(config, "keyField") : list(config, field),
      };
    return { mode: "all", key: [] };
  }
  const mode = text(config, "updateMode");
  const key = list(config, "updateKey");
  if ((mode === "time" || mode === "key") && key.length) return { mode, key };
  return { mode: "all", key: [] };
}
