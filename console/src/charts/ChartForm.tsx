// The settings of a chart as a form: its kind, then the fields of that kind.
import { charts } from "@/text/charts";
import { AreaField, CheckField, ChoiceField, CONTROL, TextField } from "@/ui/Field";
import {
  CHART_TYPES,
  flag,
  isChartType,
  isObject,
  type Json,
  list,
  text,
  type Viz,
} from "./config";
import { changed, columnsFor, FIELDS, type Field } from "./fields";
import { configFor } from "./guess";
import { TableColumns } from "./TableColumns";
import type { Column, Row } from "./values";

interface Props {
  viz: Viz;
  columns: Column[];
  /** Some rows of the result, to guess settings from. */
  rows: Row[];
  onChange: (viz: Viz) => void;
}

export function ChartForm({ viz, columns, rows, onChange }: Props) {
  const own = isChartType(viz.chartType) ? [] : [viz.chartType];
  const put = (config: Json) => onChange({ ...viz, config });
  const fields = FIELDS[viz.chartType] ?? [];
  const control = (field: Field) => (
    <Control
      key={`${"path" in field ? field.path : ""}.${field.key}`}
      {...{ field, columns, put }}
      config={viz.config}
    />
  );
  return (
    <div className="flex flex-col gap-2.5">
      <ChoiceField
        label={charts.type}
        value={viz.chartType}
        choices={[...CHART_TYPES, ...own].map((value) => ({
          value,
          label: charts.types[value as keyof typeof charts.types] ?? value,
        }))}
        onChange={(event) => onChange(configFor(event.target.value, viz, columns, rows))}
      />
      {fields.filter((field) => !field.more).map(control)}
      {viz.chartType === "table" && (
        <TableColumns config={viz.config} columns={columns} put={put} />
      )}
      {fields.some((field) => field.more) && (
        <details className="rounded-md border border-line px-2 py-1">
          <summary className="min-h-6 cursor-pointer">{charts.more}</summary>
          <div className="flex flex-col gap-2.5 pt-1 pb-2">
            {fields.filter((field) => field.more).map(control)}
          </div>
        </details>
      )}
    </div>
  );
}

interface ControlProps {
  field: Field;
  config: Json;
  columns: Column[];
  put: (config: Json) => void;
}

function labelOf(field: Field): string {
  if ("label" in field) return field.label;
  const name = "path" in field && field.path === "size" ? "size" : field.key;
  return (
    charts.fields[(name === "position" ? "unitPosition" : name) as keyof typeof charts.fields] ??
    name
  );
}

function Control({ field, config, columns, put }: ControlProps) {
  const label = labelOf(field);
  const path = "path" in field ? field.path : undefined;
  const inner = path ? (isObject(config[path]) ? (config[path] as Json) : {}) : config;
  const set = (value: unknown) => put(changed(config, field.key, value, path));
  switch (field.kind) {
    case "column":
      if (field.key === "updateKey" && !["key", "time"].includes(text(config, "updateMode")))
        return null;
      return field.many ? (
        <Several {...{ field, columns, label, set }} chosen={list(inner, field.key)} />
      ) : (
        <One {...{ field, columns, label, set }} chosen={list(inner, field.key)[0] ?? ""} />
      );
    case "choice":
      return (
        <ChoiceField
          label={label}
          value={text(inner, field.key, field.otherwise)}
          choices={choices(field.choices, text(inner, field.key, field.otherwise))}
          onChange={(event) =>
            set(field.key === "rowCount" ? Number(event.target.value) : event.target.value)
          }
        />
      );
    case "number":
      return (
        <TextField
          label={label}
          type="number"
          step="any"
          value={text(inner, field.key)}
          onChange={({ target }) => set(target.value === "" ? undefined : Number(target.value))}
        />
      );
    case "flag":
      return (
        <CheckField
          label={label}
          checked={flag(inner, field.key, field.otherwise)}
          onChange={(event) => set(event.target.checked)}
        />
      );
    case "list":
      return (
        <TextField
          label={label}
          value={list(inner, field.key).join(", ")}
          onChange={({ target }) => set(listed(target.value))}
        />
      );
    default:
      return <Words {...{ field, label, set }} value={written(inner[field.key])} />;
  }
}

/** Words with commas between; what is still being typed stays. */
function listed(words: string): string[] | undefined {
  const all = words.split(",").map((one) => one.trimStart());
  return words.trim() ? all : undefined;
}

function written(value: unknown): string {
  return typeof value === "string"
    ? value
    : value === undefined
      ? ""
      : JSON.stringify(value, null, 2);
}

/** A value that a file brought stays in the list, though it is none of the usual ones. */
function choices(usual: [string, string][], now: string) {
  const all = usual.some(([value]) => value === now)
    ? usual
    : [...usual, [now, now] as [string, string]];
  return all.map(([value, label]) => ({ value, label }));
}

function Words(props: {
  field: Field;
  label: string;
  value: string;
  set: (value: unknown) => void;
}) {
  const { field, label, value, set } = props;
  const common = {
    label,
    value,
    onChange: (event: { target: { value: string } }) => set(event.target.value),
  };
  return "long" in field && field.long ? (
    <AreaField rows={8} {...common} />
  ) : (
    <TextField {...common} />
  );
}

interface ColumnProps {
  field: Field & { kind: "column" };
  columns: Column[];
  label: string;
  set: (value: unknown) => void;
}

function One({ field, columns, label, set, chosen }: ColumnProps & { chosen: string }) {
  const names = columnsFor(field, columns);
  const all = chosen && !names.includes(chosen) ? [...names, chosen] : names;
  const none = { value: "", label: field.optional ? charts.none : "–" };
  return (
    <ChoiceField
      label={label}
      value={chosen}
      choices={[none, ...all.map((name) => ({ value: name, label: name }))]}
      onChange={(event) => set(event.target.value)}
    />
  );
}

/** One column as text, several as a list: that is how files have it. */
function Several({ field, columns, label, set, chosen }: ColumnProps & { chosen: string[] }) {
  const names = columnsFor(field, columns);
  const all = [...names, ...chosen.filter((name) => !names.includes(name))];
  const put = (now: string[]) => set(now.length > 1 ? now : now[0]);
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">{label}</legend>
      <div className={`${CONTROL} max-h-32 overflow-auto`}>
        {all.map((name) => (
          <label key={name} className="flex min-h-6 items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-(--accent)"
              checked={chosen.includes(name)}
              onChange={(event) =>
                put(event.target.checked ? [...chosen, name] : chosen.filter((one) => one !== name))
              }
            />
            <span className="truncate">{name}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
