// The gallery of templates: choose one, the stream that it is over, and have a dashboard.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Activity, Cpu, KeyRound, type LucideIcon, Thermometer } from "lucide-react";
import { useState } from "react";
import { call } from "@/api/client";
import { useMay } from "@/api/session";
import type { Dashboard, Stream } from "@/api/types";
import { createSample } from "@/pages/query/createSample";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { ChoiceField } from "@/ui/Field";
import { useBoardCalls } from "./boards";
import { parseBoard } from "./format";
import { fitting, TEMPLATES, type Template } from "./samples";

const ICONS: Record<string, LucideIcon> = {
  iot: Thermometer,
  logins: KeyRound,
  devops: Cpu,
  health: Activity,
};

export function Gallery({ onMade }: { onMade: (dashboard: Dashboard) => void }) {
  const streams = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  if (streams.error) return <Failure error={streams.error} retry={() => void streams.refetch()} />;
  return (
    <ul className="grid gap-3 text-left sm:grid-cols-2">
      {TEMPLATES.map((template) => (
        <li
          key={template.id}
          className="flex flex-col gap-2 rounded-lg border border-line bg-surface p-3"
        >
          <Card template={template} streams={streams.data ?? []} onMade={onMade} />
        </li>
      ))}
    </ul>
  );
}

interface CardProps {
  template: Template;
  streams: Stream[];
  onMade: (dashboard: Dashboard) => void;
}

function Card({ template, streams, onMade }: CardProps) {
  const may = useMay();
  const calls = useBoardCalls();
  const Icon = ICONS[template.id] ?? Activity;
  const words = dashboards.gallery;
  const fit = fitting(
    template,
    streams.filter((one) => !one.is_external),
  );
  const [chosen, setChosen] = useState("");
  const stream = fit.includes(chosen) ? chosen : (fit[0] ?? "");
  const sample = useSample(template, streams);
  const make = useMutation({
    mutationFn: () =>
      calls.create(
        parseBoard(
          {
            name: `${template.name}: ${stream}`,
            description: template.text,
            panels: template.panels(stream),
          },
          template.name,
        ),
      ),
    onSuccess: onMade,
  });
  const error = make.error ?? sample.error;
  return (
    <>
      <h3 className="flex items-center gap-2 font-medium text-text">
        <Icon aria-hidden size={16} className="text-accent" />
        {template.name}
      </h3>
      <p className="flex-1 text-muted">{template.text}</p>
      {error && <Failure error={error} />}
      {stream ? (
        <div className="flex items-end gap-2">
          <div className="min-w-0 flex-1">
            <ChoiceField
              label={words.stream}
              value={stream}
              choices={fit.map((value) => ({ value, label: value }))}
              onChange={(event) => setChosen(event.target.value)}
            />
          </div>
          <Button look="primary" busy={make.isPending} onClick={() => make.mutate()}>
            {words.use}
          </Button>
        </div>
      ) : (
        <div className="flex flex-wrap items-center gap-2">
          <span className="text-xs text-muted">
            {template.columns.length ? words.needs(template.columns.join(", ")) : words.none}
          </span>
          {may("define:stream") && may("write:source") && (
            <Button busy={sample.isPending} onClick={() => sample.mutate()}>
              {words.sample}
            </Button>
          )}
        </div>
      )}
    </>
  );
}

// Events a second: enough for charts to move.
const SAMPLE_RATE = 10;

/** A stream with a generator behind it, named after the sample. */
function useSample(template: Template, streams: Stream[]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const taken = new Set(streams.map((stream) => stream.name));
      let name: string = template.sample;
      for (let n = 2; taken.has(name); n += 1) name = `${template.sample}_${n}`;
      await createSample({ template: template.sample, name, rate: SAMPLE_RATE });
      await client.invalidateQueries({ queryKey: ["streams"] });
    },
  });
}
