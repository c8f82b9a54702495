// Points on a map of the world; the outlines are bundled, nothing is asked from elsewhere.
import { charts } from "@/text/charts";
import { list, number, object, text } from "../config";
import { rolesOf } from "../guess";
import { colourAt, paletteOf } from "../theme";
import { indexOf, kindOf, numberOf, type Row, textOf } from "../values";
import { type Build, base, type Given, groups, legendOf, need, optional, tooltip } from "./common";

export const MAP = "world";

interface Point {
  value: number[];
  symbolSize: number;
  words: string;
}

const words = (what: string) => ({ missing: charts.missing, choose: charts.choose(what) });

export const geo: Build = (given) => {
  const { config, theme } = given;
  const named = (...names: string[]) =>
    given.columns.find((column) => names.includes(column.name.toLowerCase()))?.name ?? "";
  const lon = need(
    given,
    text(config, "longitude") || named("longitude", "lon", "lng"),
    words(charts.fields.longitude),
  );
  const lat = need(
    given,
    text(config, "latitude") || named("latitude", "lat"),
    words(charts.fields.latitude),
  );
  const by = groups(given, optional(given, text(config, "color")));
  const palette = paletteOf(config, theme);
  const radius = sizeOf(given);
  const points = new Map<string, Point[]>(by.names.map((name) => [name, []]));
  for (const row of given.rows) {
    const place = [numberOf(row[lon]), numberOf(row[lat])];
    if (place.every(Number.isFinite))
      points
        .get(by.of(row))
        ?.push({ value: place, symbolSize: radius(row), words: told(given, row) });
  }
  // The files say latitude first.
  const center = Array.isArray(config.center) ? config.center.map(Number) : [];
  const centered = center.length === 2 && center.every(Number.isFinite);
  return {
    folded: by.folded,
    option: {
      ...base(given),
      tooltip: {
        ...tooltip(given),
        formatter: (one: { data?: { words?: string } }) => one.data?.words ?? "",
      },
      legend: legendOf(given, by.names.filter(Boolean)),
      geo: {
        map: MAP,
        roam: true,
        ...(centered || config.zoom !== undefined
          ? {
              ...(centered && { center: [center[1], center[0]] }),
              zoom: zoomOf(number(config, "zoom")),
            }
          : around([...points.values()].flat())),
        silent: true,
        itemStyle: { areaColor: theme.line, borderColor: theme.surface, borderWidth: 0.5 },
        emphasis: { disabled: true },
      },
      series: by.names.map((name, n) => ({
        type: "scatter",
        coordinateSystem: "geo",
        name: name || text(config, "latitude"),
        data: points.get(name),
        itemStyle: {
          color: name === given.other ? theme.muted : colourAt(palette, n),
          opacity: opacityOf(number(config, "opacity")),
        },
      })),
    },
  };
};

const ZOOM_MAX = 8;

/** The part of the world in which the points are. */
function around(points: Point[]) {
  if (!points.length) return {};
  const [lons, lats] = [points.map((one) => one.value[0]!), points.map((one) => one.value[1]!)];
  const [west, east] = [Math.min(...lons), Math.max(...lons)];
  const [south, north] = [Math.min(...lats), Math.max(...lats)];
  const zoom = Math.min(360 / ((east - west) * 2 || 1), 180 / ((north - south) * 2 || 1), ZOOM_MAX);
  return { center: [(west + east) / 2, (south + north) / 2], zoom: Math.max(1, zoom) };
}

/** Files count zoom as tile maps do (1 is the world, each step doubles it). */
function zoomOf(steps: number | undefined): number {
  return steps === undefined ? 1 : Math.min(2 ** Math.max(0, steps - 1), 512);
}

/** Some files say per cent. */
function opacityOf(value: number | undefined): number {
  if (value === undefined) return 0.8;
  return Math.min(1, Math.max(0.05, value > 1 ? value / 100 : value));
}

function sizeOf(given: Given): (row: Row) => number {
  const size = object(given.config, "size");
  const at = indexOf(given.columns, text(size, "key"));
  const fixed = number(size, "value") ?? 8;
  if (at < 0) return () => fixed;
  const range = Array.isArray(size.range) ? size.range.map(Number) : [];
  const [small, big] =
    range.length === 2 && range.every(Number.isFinite) ? (range as [number, number]) : [6, 28];
  const all = given.rows.map((row) => numberOf(row[at])).filter(Number.isFinite);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  return (row) => {
    const value = numberOf(row[at]);
    if (!Number.isFinite(value)) return small;
    return small + ((value - least) / (most - least || 1)) * (big - small);
  };
}

/** What is said of a point: the chosen columns, or those with a name or a measure. */
function told(given: Given, row: Row): string {
  const chosen = list(given.config, "visibleColumns");
  const roles = rolesOf(given.columns, []);
  const shown = given.columns.filter((column) =>
    chosen.length
      ? chosen.includes(column.name)
      : kindOf(column.type) === "text" || roles.measures.includes(column.name),
  );
  return shown
    .map((column) => `${column.name}: ${textOf(row[indexOf(given.columns, column.name)])}`)
    .join("\n");
}
