// Charts drawn by ECharts: loads the engine when the first one is shown, then only changes options.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { useShownTheme } from "@/app/theme";
import { charts } from "@/text/charts";
import { Failure } from "@/ui/Failure";
import { Skeleton } from "@/ui/Skeleton";
import { folded } from "./look";
import type { ChartProps } from "./parts";
import { chartTheme } from "./theme";
import { useSize } from "./useSize";

type Engine = typeof import("./echarts");

export function EngineChart(props: ChartProps & { label: string }) {
  const geo = props.viz.chartType === "geo";
  const loaded = useQuery({
    queryKey: ["chart-engine", geo],
    queryFn: async () => {
      const engine = await import("./echarts");
      if (geo) await engine.withMap();
      return engine;
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (loaded.error) return <Failure error={loaded.error} retry={() => void loaded.refetch()} />;
  return loaded.data ? <Drawn {...props} engine={loaded.data} /> : <Skeleton lines={3} />;
}

function Drawn({ engine, label, ...props }: ChartProps & { engine: Engine; label: string }) {
  const { columns, rows, viz, zone } = props;
  const [ref, size] = useSize();
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<ReturnType<Engine["init"]> | null>(null);
  const theme = useShownTheme();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme is read from the page
  const built = useMemo(() => {
    try {
      const config = viz.chartType === "area" ? { ...viz.config, x_area: true } : viz.config;
      const given = {
        columns,
        rows: folded(rows, viz, columns),
        config,
        zone,
        theme: chartTheme(),
        ...size,
      };
      return engine.BUILDERS[viz.chartType]!({ ...given, other: charts.other });
    } catch (error) {
      if (error instanceof engine.Unfit) return error.message;
      throw error;
    }
  }, [engine, columns, rows, viz, zone, theme, size]);
  const fits = typeof built !== "string";
  const ready = fits && size.width > 0 && size.height > 0;
  // A map keeps where the reader moved it to, as long as its settings stay.
  const kept = useRef("");
  const settings = JSON.stringify([viz, theme]);
  useEffect(() => {
    if (!ready || !host.current) return;
    chart.current ??= engine.init(host.current, undefined, { renderer: "canvas" });
    chart.current.resize({ ...size, silent: true });
  }, [engine, ready, size]);
  useEffect(() => {
    if (!ready || !chart.current || typeof built === "string") return;
    const same = kept.current === settings;
    const { geo, ...option } = built.option as Record<string, unknown>;
    chart.current.setOption(
      same || !geo ? option : { ...option, geo },
      same ? { replaceMerge: ["series"], lazyUpdate: true } : { notMerge: true },
    );
    kept.current = settings;
  }, [built, ready, settings]);
  useEffect(() => {
    if (fits) return;
    chart.current?.dispose();
    chart.current = null;
    kept.current = "";
  }, [fits]);
  useEffect(() => {
    return () => {
      chart.current?.dispose();
      chart.current = null;
      kept.current = "";
    };
  }, []);
  const notes = fits ? notesOf(built.ignored, built.folded) : [];
  return (
    <div className="flex h-full min-h-0 flex-col">
      {notes.map((note) => (
        <p key={note} className="px-2 pt-1 text-xs text-muted">
          {note}
        </p>
      ))}
      {fits ? (
        <div ref={ref} className="relative min-h-0 flex-1 overflow-hidden">
          <div ref={host} role="img" aria-label={label} className="absolute inset-0" />
        </div>
      ) : (
        <p role="status" className="p-3 text-warn">
          {built}
        </p>
      )}
    </div>
  );
}

function notesOf(ignored: string[] | undefined, more: number | undefined): string[] {
  const notes: string[] = [];
  if (ignored?.length) notes.push(charts.ignored(ignored));
  if (more) notes.push(charts.folded(more));
  return notes;
}
