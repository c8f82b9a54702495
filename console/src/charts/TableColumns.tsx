// Settings of a table's columns: shown or not, name, width, trend, small bars, one colour rule.
import { charts } from "@/text/charts";
import { CheckField, ChoiceField, TextField } from "@/ui/Field";
import { flag, isObject, type Json, object, objects, text } from "./config";
import { changed } from "./fields";
import { type Column, kindOf } from "./values";

interface Props {
  config: Json;
  columns: Column[];
  put: (config: Json) => void;
}

export function TableColumns({ config, columns, put }: Props) {
  const styles = object(config, "tableStyles");
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">{charts.columnsSettings}</legend>
      {columns.map((column) => (
        <details key={column.name} className="rounded-md border border-line px-2 py-1">
          <summary className="min-h-6 cursor-pointer truncate">{column.name}</summary>
          <One
            column={column}
            style={isObject(styles[column.name]) ? (styles[column.name] as Json) : {}}
            put={(style) => put({ ...config, tableStyles: { ...styles, [column.name]: style } })}
          />
        </details>
      ))}
    </fieldset>
  );
}

function One({ column, style, put }: { column: Column; style: Json; put: (style: Json) => void }) {
  const set = (key: string, value: unknown) => put(changed(style, key, value));
  const { fields } = charts;
  const numeric = kindOf(column.type) === "number";
  return (
    <div className="flex flex-col gap-2 pt-1 pb-2">
      <CheckField
        label={fields.show}
        checked={flag(style, "show", true)}
        onChange={(event) => set("show", event.target.checked)}
      />
      <TextField
        label={charts.table.name}
        value={text(style, "name")}
        onChange={(event) => set("name", event.target.value)}
      />
      <TextField
        label={fields.width}
        type="number"
        value={text(style, "width")}
        onChange={({ target }) => set("width", target.value ? Number(target.value) : undefined)}
      />
      {numeric && (
        <>
          <CheckField
            label={fields.trend}
            checked={flag(style, "trend")}
            onChange={(event) => set("trend", event.target.checked)}
          />
          {flag(style, "trend") && (
            <div className="grid grid-cols-2 gap-1">
              {(["increaseColor", "decreaseColor"] as const).map((key) => (
                <TextField
                  key={key}
                  label={fields[key]}
                  value={text(style, key)}
                  onChange={(event) => set(key, event.target.value)}
                />
              ))}
            </div>
          )}
          <ChoiceField
            label={charts.mini}
            value={text(style, "miniChartType")}
            choices={Object.entries(charts.minis).map(([value, label]) => ({ value, label }))}
            onChange={(event) => set("miniChartType", event.target.value)}
          />
        </>
      )}
      <Rule style={style} put={put} />
    </div>
  );
}

const SIGNS = [">", ">=", "<", "<=", "=", "!=", "contains"];

/** The first rule; further ones that a file brought stay behind it. */
function Rule({ style, put }: { style: Json; put: (style: Json) => void }) {
  const [first, ...rest] = objects(style, "conditions");
  const rule = first ?? {};
  const set = (key: string, value: string) => {
    const now: Json = {
      operator: text(rule, "operator", ">"),
      color: "#d55e00",
      ...rule,
      [key]: value,
    };
    put({ ...style, conditions: now.value === "" ? rest : [now, ...rest] });
  };
  return (
    <div className="grid grid-cols-[5rem_1fr_3rem] items-end gap-1">
      <ChoiceField
        label={charts.highlight}
        value={text(rule, "operator", ">")}
        choices={SIGNS.map((value) => ({ value, label: value }))}
        onChange={(event) => set("operator", event.target.value)}
      />
      <TextField
        bare
        label={`${charts.highlight}: ${charts.table.value}`}
        value={text(rule, "value")}
        onChange={(event) => set("value", event.target.value)}
      />
      <TextField
        bare
        type="color"
        className="p-0.5"
        label={`${charts.highlight}: ${charts.colour}`}
        value={text(rule, "color", "#d55e00")}
        onChange={(event) => set("color", event.target.value)}
      />
      <div className="col-span-3">
        <CheckField
          label={charts.wholeRow}
          checked={flag(style, "highlightRow")}
          onChange={(event) =>
            put(changed(style, "highlightRow", event.target.checked || undefined))
          }
        />
      </div>
    </div>
  );
}
