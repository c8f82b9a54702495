// The parts of ECharts that the console draws with, and the makers of its options; a chunk of its own.
import {
  BarChart,
  CandlestickChart,
  CustomChart,
  GaugeChart,
  HeatmapChart,
  LineChart,
  PieChart,
  ScatterChart,
} from "echarts/charts";
import {
  GeoComponent,
  GridComponent,
  LegendComponent,
  LegendScrollComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { init, registerMap, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { bar, column, gauge, histogram, pie } from "./options/category";
import { type Build, type Given, GROUPS_MAX, Unfit } from "./options/common";
import { geo, MAP } from "./options/geo";
import { grammar } from "./options/grammar";
import { heatmap, ohlc, stateTimeline } from "./options/plane";
import { points } from "./options/points";

use([
  BarChart,
  CandlestickChart,
  CustomChart,
  GaugeChart,
  HeatmapChart,
  LineChart,
  PieChart,
  ScatterChart,
  GeoComponent,
  GridComponent,
  LegendComponent,
  LegendScrollComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
]);

export const BUILDERS: Record<string, Build> = {
  bar,
  column,
  pie,
  gauge,
  histogram,
  heatmap,
  ohlc,
  stateTimeline,
  geo,
  grammar,
  line: points,
  area: points,
};

interface Countries {
  features: { geometry: { type: string; coordinates: unknown } | null }[];
}
type Ring = [number, number][];

/** Outlines that cross the 180th meridian go on beyond it, instead of back around the world. */
function unwrapped(countries: Countries): Countries {
  const mend = (ring: Ring): Ring => {
    let turns = 0;
    const moved = ring.map(([lon, lat], n): [number, number] => {
      const before = ring[n - 1]?.[0] ?? lon;
      if (lon - before > 180) turns -= 1;
      else if (lon - before < -180) turns += 1;
      return [lon + turns * 360, lat];
    });
    // One that goes around a pole has no other side.
    return turns === 0 ? moved : ring;
  };
  for (const { geometry } of countries.features) {
    if (geometry?.type === "Polygon")
      geometry.coordinates = (geometry.coordinates as Ring[]).map(mend);
    else if (geometry?.type === "MultiPolygon")
      geometry.coordinates = (geometry.coordinates as Ring[][]).map((one) => one.map(mend));
  }
  return countries;
}

let mapped: Promise<void> | null = null;

/** The outlines of countries, loaded with the first map. */
export function withMap(): Promise<void> {
  mapped ??= (async () => {
    const [{ feature }, atlas] = await Promise.all([
      import("topojson-client"),
      import("world-atlas/countries-110m.json"),
    ]);
    const topology = atlas.default as unknown as Parameters<typeof feature>[0];
    const countries = feature(topology, topology.objects.countries as never);
    registerMap(MAP, unwrapped(countries as never) as never);
  })();
  return mapped;
}

export { type Given, GROUPS_MAX, init, Unfit };
