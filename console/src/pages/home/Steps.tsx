// Four steps to a first result, ticked by what the workspace holds; gone when all are done.
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleDashed } from "lucide-react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Query } from "@/api/types";
import { BY_HAND } from "@/pages/query/search";
import { home } from "@/text/home";
import { cx } from "@/ui/cx";
import { Go } from "@/ui/Go";

interface Step {
  id: keyof typeof home.step;
  path: string;
  to: string;
  /** The right without which the step cannot be taken. */
  needs: string;
}

const STEPS: Step[] = [
  { id: "sample", path: "streams", to: "/query?sample=true", needs: "write:source" },
  { id: "query", path: "savedqueries", to: "/query", needs: "write:query" },
  { id: "dashboard", path: "dashboards", to: "/dashboards", needs: "write:dashboard" },
  { id: "alert", path: "alerts", to: "/alerts/new", needs: "write:alert" },
];

export function Steps() {
  const may = useMay();
  const steps = STEPS.filter((step) => may(step.needs));
  const streams = useHas("streams");
  const saved = useHas("savedqueries");
  const ran = useRan();
  const dashboards = useHas("dashboards");
  const alerts = useHas("alerts");
  const done: Record<Step["id"], boolean | undefined> = {
    sample: streams,
    query: saved || ran,
    dashboard: dashboards,
    alert: alerts,
  };
  if (steps.some((step) => done[step.id] === undefined)) return null;
  if (steps.every((step) => done[step.id])) return null;
  const next = steps.find((step) => !done[step.id]);
  return (
    <section
      aria-labelledby="steps"
      className="rounded-lg border border-line bg-surface p-3 lg:col-span-2"
    >
      <h2 id="steps" className="mb-2 text-xs font-semibold text-muted">
        {home.steps}
      </h2>
      <ol className="grid gap-3 sm:grid-cols-2 xl:grid-cols-4">
        {steps.map((step, n) => {
          const ticked = done[step.id];
          const Icon = ticked ? CircleCheck : CircleDashed;
          const text = home.step[step.id];
          return (
            <li key={step.id} className="flex flex-col gap-1 rounded-md border border-line p-3">
              <div className="flex items-center gap-2">
                <Icon aria-hidden size={16} className={ticked ? "text-good" : "text-muted"} />
                <h3 className="font-medium">
                  {n + 1}. {text.title}
                </h3>
                <span className="sr-only">{ticked ? home.done : home.open}</span>
              </div>
              <p className="flex-1 text-muted">{text.why}</p>
              <Go
                to={step.to}
                className={cx(
                  "mt-1 inline-flex min-h-7 items-center self-start rounded-md border px-2.5 font-medium",
                  step === next
                    ? "border-accent bg-accent text-on-accent"
                    : "border-edge/50 hover:bg-accent-soft",
                )}
              >
                {text.action}
              </Go>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** Whether somebody ran a query by hand since the server started. */
function useRan(): boolean | undefined {
  const { data, isError } = useQuery({
    queryKey: ["queries"],
    queryFn: () => call<Query[]>("queries"),
    select: (all) => all.some((one) => one.tags.includes(BY_HAND)),
  });
  return isError ? false : data;
}

/** Whether the workspace has one of these; undefined until that is known. */
function useHas(path: string): boolean | undefined {
  const { data, isError } = useQuery({
    queryKey: [path],
    queryFn: () => call<unknown[]>(path),
    select: (all) => all.length > 0,
  });
  return isError ? false : data;
}
