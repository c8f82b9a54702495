// A choice among the streams that exist; those that suit the events stand first and say so.
import { useQuery } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Stream } from "@/api/types";
import { forms as text } from "@/text/forms";
import { Button } from "@/ui/Button";
import { ChoiceField } from "@/ui/Field";
import { Loaded } from "@/ui/Loaded";
import { match } from "./events";
import { type Ranked, rankStreams } from "./ranking";
import type { Event } from "./typical";

interface Props {
  value: string;
  /** The events that will be written; with none the streams stand by name. */
  events: Event[];
  error?: string;
  onChoose: (name: string, stream?: Stream) => void;
}

// As many are offered as buttons.
const OFFERED = 5;

export function ExistingStream({ value, events, error, onChoose }: Props) {
  const streams = useQuery({ queryKey: ["streams"], queryFn: () => call<Stream[]>("streams") });
  const fitting = useQuery({
    queryKey: ["match", events.length, events[0], events.at(-1)],
    queryFn: () => match(events),
    enabled: events.length > 0,
  });
  const keys = [...new Set(events.flatMap((event) => Object.keys(event)))];
  const label = ({ name, shared, fits }: Ranked) => {
    if (!keys.length || (!fits && !shared)) return name;
    return `${name} (${fits ? text.takesAll : text.takesSome(shared, keys.length)})`;
  };
  return (
    <Loaded of={streams}>
      {(all) => {
        const ranked = rankStreams(all, fitting.data ?? [], keys);
        const best = ranked.filter((one) => one.fits).slice(0, OFFERED);
        const choose = (name: string) =>
          onChoose(
            name,
            all.find((one) => one.name === name),
          );
        return (
          <div className="flex flex-col gap-2">
            <div className="max-w-md">
              <ChoiceField
                label={text.stream}
                required
                value={value}
                error={error}
                choices={[
                  { value: "", label: "" },
                  ...ranked.map((one) => ({ value: one.name, label: label(one) })),
                ]}
                onChange={(event) => choose(event.target.value)}
              />
            </div>
            {fitting.data && (
              <div className="flex flex-wrap items-center gap-1">
                <span className="text-muted">
                  {best.length ? text.matching : text.matchingNone}
                </span>
                {best.map(({ name }) => (
                  <Button key={name} onClick={() => choose(name)}>
                    {name}
                  </Button>
                ))}
              </div>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}
