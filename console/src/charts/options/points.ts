// Line and area over an axis that is no time: numbers or categories.
import { charts } from "@/text/charts";
import { flag, list, object, text } from "../config";
import { rolesOf } from "../guess";
import { colourAt, faded, paletteOf } from "../theme";
import { kindOf } from "../values";
import { numberText } from "../words";
import {
  axis,
  type Build,
  base,
  grid,
  groups,
  label,
  legendOf,
  need,
  num,
  optional,
  tooltip,
} from "./common";

export const points: Build = (given) => {
  const { config, theme } = given;
  const words = (what: string) => ({ missing: charts.missing, choose: charts.choose(what) });
  const roles = rolesOf(given.columns, []);
  const x = need(given, text(config, "xAxis"), words(charts.fields.xAxis));
  const named = list(config, "yAxis");
  const ys = (named.length ? named : roles.measures.slice(0, 1)).map((name) =>
    need(given, name, words(charts.fields.yAxis)),
  );
  const numeric = kindOf(given.columns[x]!.type) === "number";
  const by = groups(given, optional(given, text(config, "color")));
  const palette = paletteOf(config, theme);
  const series = ys.flatMap((y) => by.names.map((group) => ({ y, group })));
  const name = (one: { y: number; group: string }) =>
    [ys.length > 1 || !one.group ? given.columns[one.y]!.name : "", one.group]
      .filter(Boolean)
      .join(", ");
  const legend = legendOf(given, series.map(name));
  const area = given.config.x_area === true;
  const labels = flag(config, "dataLabel");
  const all = labels && flag(config, "showAll");
  const format = numberText(config);
  const told = {
    color: theme.text,
    fontSize: theme.fontSize,
    formatter: ({ value }: { value: unknown[] }) => format(Number(value[1])),
  };
  return {
    folded: by.folded,
    option: {
      ...base(given),
      tooltip: { ...tooltip(given), trigger: "axis" },
      // The value of the last point stands beside it.
      grid: { ...grid(!!legend), ...(labels && !all && { right: 56 }) },
      legend,
      xAxis: {
        ...axis(given, {
          type: numeric ? "value" : "category",
          ...(!numeric && { data: [...new Set(given.rows.map((row) => label(given, x, row)))] }),
          title: text(config, "xTitle"),
          labels: object(config, "xTickLabel"),
          bare: true,
        }),
        ...(numeric && { scale: true }),
      },
      yAxis: {
        ...axis(given, {
          type: "value",
          title: text(config, "yTitle"),
          labels: object(config, "yTickLabel"),
          range: object(config, "yRange"),
        }),
        scale: true,
      },
      series: series.map((one, n) => {
        const found = given.rows
          .filter((row) => by.of(row) === one.group)
          .map((row) => [numeric ? num(row, x) : label(given, x, row), num(row, one.y)]);
        const color = colourAt(palette, n);
        return {
          type: "line",
          name: name(one),
          data: numeric ? found.sort((a, b) => Number(a[0]) - Number(b[0])) : found,
          symbol: "circle",
          symbolSize: 5,
          showSymbol: flag(config, "points") || all,
          label: { show: all, position: "top", ...told },
          endLabel: { show: labels && !all, ...told },
          smooth: text(config, "lineStyle") === "curve",
          lineStyle: { width: 1.5, color },
          itemStyle: { color },
          ...(area && { areaStyle: { color: faded(color, 0.2) } }),
        };
      }),
    },
  };
};
