// The filter bar of a dashboard: its controls, whose values stand in the address.
import { ChevronDown } from "lucide-react";
import { type FormEvent, useEffect, useMemo, useState } from "react";
import { bounds, parseRange } from "@/charts/timeRange";
import { textOf } from "@/charts/values";
import { timeText } from "@/charts/words";
import { useLive, useSnapshot } from "@/live/useLive";
import { charts } from "@/text/charts";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { ChoiceField, TextField } from "@/ui/Field";
import { Menu } from "@/ui/Menu";
import { type BoardPanel, type Control, controlOf } from "./format";
import type { Values } from "./variables";

interface Props {
  panels: BoardPanel[];
  values: Values;
  onValue: (name: string, value: string | string[]) => void;
  /** Choices that came from SQL, for those who need to know what may be chosen. */
  onChoices: (name: string, choices: string[]) => void;
  /** Beside a control, in edit mode. */
  menu: (panel: BoardPanel) => React.ReactNode;
}

/** Values of the address over those that controls begin with; ranges of time as their two ends. */
export function valuesOf(panels: BoardPanel[], given: Values, now: number): Values {
  const values: Values = {};
  for (const control of panels.map(controlOf)) {
    if (!control.target) continue;
    const value = given[control.target] ?? begin(control);
    if (control.timeRange) Object.assign(values, ends(control.target, String(value), now));
    else if (value !== "") values[control.target] = value;
  }
  return { ...given, ...values };
}

function begin({ defaultValue, choices, multi, timeRange }: Control): string | string[] {
  if (timeRange) return defaultValue || "now-1h";
  const first = defaultValue || choices[0] || "";
  return multi && first ? first.split(",").map((one) => one.trim()) : first;
}

function ends(target: string, text: string, now: number): Values {
  const range = parseRange(text);
  const at = range && bounds(range, now);
  if (!at) return {};
  return {
    [`${target}_from`]: timeText(at.from, "UTC"),
    [`${target}_to`]: timeText(at.to, "UTC"),
  };
}

export function Controls({ panels, values, onValue, onChoices, menu }: Props) {
  if (!panels.length) return null;
  return (
    <search
      aria-label={dashboards.filters}
      className="mb-2 flex flex-wrap items-end gap-3 rounded-lg border border-line bg-surface px-2.5 py-2"
    >
      {panels.map((panel) => (
        <div key={panel.id} className="flex min-w-0 items-end gap-1" data-panel={panel.id}>
          <Labelled panel={panel}>
            <One panel={panel} given={values} {...{ onValue, onChoices }} />
          </Labelled>
          {menu(panel)}
        </div>
      ))}
    </search>
  );
}

/** The label beside its control, when the panel says how much of the width it may take. */
function Labelled({ panel, children }: { panel: BoardPanel; children: React.ReactNode }) {
  const { labelWidth, label, target } = controlOf(panel);
  if (!labelWidth) return children;
  return (
    <div className="flex min-w-48 items-center gap-2">
      <span
        aria-hidden
        className="truncate text-xs font-medium text-muted"
        style={{ maxWidth: `${labelWidth}%` }}
      >
        {label || target}
      </span>
      {children}
    </div>
  );
}

interface OneProps extends Pick<Props, "onValue" | "onChoices"> {
  panel: BoardPanel;
  given: Values;
}

const OPTIONS_MAX = 1_000;

function One({ panel, given, onValue, onChoices }: OneProps) {
  const control = useMemo(() => controlOf(panel), [panel]);
  const { target, multi, optionsSql, label } = control;
  const bare = !!control.labelWidth;
  const live = useLive({
    sql: optionsSql,
    enabled: !!optionsSql,
    maxRows: OPTIONS_MAX,
    hz: 1,
    tags: ["dashboard"],
  });
  const { rows } = useSnapshot(live.live);
  const choices = useMemo(
    () => [...new Set([...control.choices, ...rows.map((row) => textOf(row[0]))])].filter(Boolean),
    [control.choices, rows],
  );
  useEffect(() => onChoices(target, choices), [target, choices, onChoices]);
  const value = given[target] ?? begin({ ...control, choices });
  const set = (now: string | string[]) => onValue(target, now);
  const name = label || target;
  if (control.kind === "text" || control.timeRange)
    return (
      <Typed
        key={String(value)}
        label={name}
        value={String(value)}
        range={control.timeRange}
        bare={bare}
        onValue={set}
      />
    );
  if (multi)
    return (
      <Several
        label={name}
        choices={choices}
        chosen={Array.isArray(value) ? value : [value]}
        bare={bare}
        onValue={set}
      />
    );
  const now = String(value);
  const all = now && !choices.includes(now) ? [now, ...choices] : choices;
  return (
    <div className="min-w-32">
      <ChoiceField
        label={name}
        bare={bare}
        value={now}
        // LIKE's mark of any text is not what a reader chooses by.
        choices={all.map((one) => ({ value: one, label: one === "%" ? dashboards.anyValue : one }))}
        error={live.error?.message}
        onChange={(event) => set(event.target.value)}
      />
    </div>
  );
}

interface TypedProps {
  label: string;
  value: string;
  range: boolean;
  bare: boolean;
  onValue: (value: string) => void;
}

function Typed({ label, value, range, bare, onValue }: TypedProps) {
  const [text, setText] = useState(value);
  const wrong = range && !parseRange(text) ? charts.range.bad : undefined;
  const put = () => text !== value && !wrong && onValue(text);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    put();
  };
  return (
    <form onSubmit={submit} className="min-w-32">
      <TextField
        label={label}
        bare={bare}
        value={text}
        error={wrong}
        onChange={(event) => setText(event.target.value)}
        onBlur={put}
      />
    </form>
  );
}

interface SeveralProps {
  label: string;
  choices: string[];
  chosen: string[];
  bare: boolean;
  onValue: (value: string[]) => void;
}

function Several({ label, choices, chosen, bare, onValue }: SeveralProps) {
  const said = chosen.filter(Boolean).join(", ") || dashboards.any;
  return (
    <div className="flex min-w-32 flex-col gap-1">
      {!bare && (
        <span aria-hidden className="text-xs font-medium text-muted">
          {label}
        </span>
      )}
      <Menu
        align="start"
        trigger={
          <Button aria-label={`${label}: ${said}`} className="max-w-56 justify-between">
            <span className="truncate">{said}</span>
            <ChevronDown aria-hidden size={14} />
          </Button>
        }
        items={choices.map((one) => ({
          label: one,
          checked: chosen.includes(one),
          onSelect: () =>
            onValue(
              chosen.includes(one)
                ? chosen.filter((other) => other !== one && other)
                : [...chosen.filter(Boolean), one],
            ),
        }))}
      />
    </div>
  );
}
