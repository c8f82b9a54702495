// The server itself: version, which parts are up, its figures.
import { useQuery } from "@tanstack/react-query";
import { call, send } from "@/api/client";
import type { Schemas } from "@/api/types";
import { ROOT, workspace } from "@/app/place";
import { admin } from "@/text/admin";
import { Badge } from "@/ui/Badge";
import { DataTable } from "@/ui/DataTable";
import { Loaded } from "@/ui/Loaded";

const text = admin.system;
const REFRESH_MS = 5_000;

interface Sample {
  name: string;
  value: string;
}

/** The lines of Prometheus' text without its comments. */
export function samples(body: string): Sample[] {
  return body
    .split("\n")
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => {
      const at = line.lastIndexOf(" ");
      return { name: line.slice(0, at), value: line.slice(at + 1) };
    });
}

export function System() {
  const info = useQuery({
    queryKey: ["info"],
    queryFn: () => call<Schemas["Info"]>("api/info", { absolute: true }),
  });
  const ready = useQuery({
    queryKey: ["readyz", "checks"],
    queryFn: () => call<{ checks: Record<string, unknown> }>("readyz", { absolute: true }),
    refetchInterval: REFRESH_MS,
  });
  const metrics = useQuery({
    queryKey: ["metrics"],
    queryFn: async () =>
      samples(
        await (
          await send(`${workspace() ? `${workspace()}/` : ""}api/metrics`, { absolute: true })
        ).text(),
      ),
    refetchInterval: REFRESH_MS,
  });
  return (
    <div className="flex flex-col gap-4">
      <Loaded of={info}>
        {(about) => (
          <p>
            {text.version} <strong>{about.product_version}</strong> ·{" "}
            <a className="text-accent underline" href={`${ROOT}docs`}>
              {text.docs}
            </a>
          </p>
        )}
      </Loaded>
      <section>
        <h2 className="mb-1 text-xs font-semibold text-muted">{text.ready}</h2>
        <Loaded of={ready}>
          {({ checks }) => (
            <ul className="flex flex-wrap gap-2">
              {Object.entries(checks).map(([name, state]) => {
                const up = state === true || state === "ok";
                return (
                  <li key={name} className="rounded-md border border-line bg-surface px-2 py-1">
                    {name} <Badge tone={up ? "good" : "bad"}>{up ? text.up : String(state)}</Badge>
                  </li>
                );
              })}
            </ul>
          )}
        </Loaded>
      </section>
      <section>
        <h2 className="mb-1 text-xs font-semibold text-muted">{text.metrics}</h2>
        <p className="mb-2 text-muted">{text.metricsWhy}</p>
        <Loaded of={metrics}>
          {(all) => (
            <DataTable
              label={text.metrics}
              rows={all}
              id={(sample) => sample.name}
              columns={[
                {
                  id: "name",
                  title: text.name,
                  value: (sample) => sample.name,
                  cell: (sample) => (
                    <span className="font-mono text-xs break-all">{sample.name}</span>
                  ),
                },
                {
                  id: "value",
                  title: text.value,
                  numeric: true,
                  value: (sample) => Number(sample.value),
                  cell: (sample) => sample.value,
                },
              ]}
            />
          )}
        </Loaded>
      </section>
    </div>
  );
}
