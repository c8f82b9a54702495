// The settings of a control: what it is called, the variable it fills, its choices.

import { flag, type Json, text, vizOf, withViz } from "@/charts/config";
import { SqlField } from "@/editor/SqlField";
import { dashboards } from "@/text/dashboards";
import { AreaField, CheckField, ChoiceField, TextField } from "@/ui/Field";
import { type BoardPanel, controlOf } from "./format";

interface Props {
  panel: BoardPanel;
  onChange: (change: Partial<BoardPanel>) => void;
  error: string | undefined;
}

export function ControlForm({ panel, onChange, error }: Props) {
  const viz = vizOf(panel.viz);
  const control = controlOf(panel);
  const words = dashboards.editor.control;
  const put = (config: Json, chartType = viz.chartType) =>
    onChange({ viz: withViz(panel.viz, { chartType, config }) });
  const set = (key: string, value: unknown) => put({ ...viz.config, [key]: value });
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <ChoiceField
        label={words.kind}
        value={control.kind}
        choices={[
          { value: "selector", label: words.selector },
          { value: "text", label: words.text },
        ]}
        onChange={(event) => put(viz.config, event.target.value)}
      />
      <TextField
        label={words.target}
        required
        hint={words.targetHint}
        error={error}
        value={control.target}
        onChange={(event) => set("target", event.target.value)}
      />
      <TextField
        label={words.label}
        value={text(viz.config, "label")}
        onChange={(event) => set("label", event.target.value)}
      />
      <TextField
        label={words.value}
        value={control.defaultValue}
        onChange={(event) => set("defaultValue", event.target.value)}
      />
      <TextField
        label={words.labelWidth}
        type="number"
        min={1}
        max={100}
        hint={words.labelWidthHint}
        value={text(viz.config, "labelWidth")}
        onChange={(event) => set("labelWidth", event.target.value || undefined)}
      />
      {control.kind === "selector" && (
        <>
          <AreaField
            label={words.choices}
            rows={3}
            value={
              Array.isArray(viz.config.inlineValues)
                ? viz.config.inlineValues.join(",")
                : text(viz.config, "inlineValues")
            }
            onChange={(event) => set("inlineValues", event.target.value)}
          />
          <SqlField
            label={words.sql}
            rows={3}
            value={control.optionsSql}
            onChange={(sql) => set("x_optionsSql", sql || undefined)}
          />
          <CheckField
            label={words.multi}
            checked={flag(viz.config, "x_multi")}
            onChange={(event) => set("x_multi", event.target.checked || undefined)}
          />
          <CheckField
            label={words.range}
            checked={flag(viz.config, "x_timeRange")}
            onChange={(event) => set("x_timeRange", event.target.checked || undefined)}
          />
        </>
      )}
    </div>
  );
}
