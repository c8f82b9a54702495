// A form over the JSON Schema of a connector's properties; needed fields first, others folded.
import type { ReactNode } from "react";
import { forms } from "@/text/forms";
import { AreaField, CheckField, ChoiceField, TextField } from "@/ui/Field";
import { Pairs } from "./Pairs";
import { Suggested } from "./Suggested";
import {
  type Field,
  fieldsOf,
  isMain,
  linesOf,
  MASK,
  type Schema,
  type Values,
  valueAt,
  withValue,
} from "./schema";

export interface Lookup {
  /** Dotted names of properties whose values the connector can look up. */
  names: string[];
  find: (property: string, prefix: string) => Promise<string[]>;
}

interface Props {
  schema: Schema;
  values: Values;
  onChange: (values: Values) => void;
  /** By dotted path; shown once the reader tried to go on. */
  faults?: Record<string, string>;
  lookup?: Lookup;
  /** Properties that this form leaves out, by name. */
  without?: string[];
}

export function SchemaForm({ schema, values, onChange, faults = {}, lookup, without = [] }: Props) {
  const fields = fieldsOf(schema).filter(
    (field) => !without.includes(field.name) && !isOld(field, values),
  );
  const rest = fields.filter((field) => !isMain(field));
  const change = (path: string, value: unknown) => onChange(withValue(values, path, value));
  const shown = (field: Field) => (
    <Control key={field.path} {...{ field, values, change, faults, lookup }} />
  );
  const open = rest.some(
    (field) =>
      valueAt(values, field.path) !== undefined ||
      Object.keys(faults).some((path) => path.startsWith(field.path)),
  );
  return (
    <div className="flex max-w-3xl flex-col gap-3">
      {fields.filter(isMain).map(shown)}
      {rest.length > 0 && (
        <details open={open || undefined} className="rounded-md border border-line px-3 py-2">
          <summary className="min-h-6 cursor-pointer font-medium">{forms.more}</summary>
          <div className="mt-3 flex flex-col gap-3">{rest.map(shown)}</div>
        </details>
      )}
    </div>
  );
}

// Names of former versions are not offered again; what was set by one can be seen.
const isOld = (field: Field, values: Values): boolean =>
  /^An older name of/.test(field.hint) && valueAt(values, field.path) === undefined;

interface ControlProps {
  field: Field;
  values: Values;
  change: (path: string, value: unknown) => void;
  faults: Record<string, string>;
  lookup?: Lookup;
}

function placeholder(field: Field): string | undefined {
  const example = field.schema.examples?.[0] ?? field.schema.default;
  return example === undefined || example === null || example === "" ? undefined : String(example);
}

function Control(props: ControlProps): ReactNode {
  const { field, values, change, faults, lookup } = props;
  const value = valueAt(values, field.path);
  const common = {
    label: field.title,
    hint: field.hint,
    error: faults[field.path],
    required: field.required,
    "data-property": field.path,
  };
  const text = (typed: string) => change(field.path, typed === "" ? undefined : typed);
  const shown = value === undefined || value === null ? "" : String(value);
  switch (field.kind) {
    case "group":
      return (
        <fieldset className="rounded-md border border-line px-3 pt-1 pb-3">
          <legend className="px-1 text-xs font-medium text-muted">{field.title}</legend>
          <p className="mb-2 text-xs text-muted">{field.hint}</p>
          <div className="flex flex-col gap-3">
            {fieldsOf(field.schema, field.path).map((inner) => (
              <Control key={inner.path} {...props} field={inner} />
            ))}
          </div>
        </fieldset>
      );
    case "switch":
      return (
        <CheckField
          label={field.title}
          hint={field.hint}
          data-property={field.path}
          checked={(value ?? field.schema.default) === true}
          onChange={(event) => change(field.path, event.target.checked)}
        />
      );
    case "choice": {
      const choices = (field.schema.enum ?? []).map((one) => ({
        value: one,
        label: one || forms.none,
      }));
      const chosen = shown || String(field.schema.default ?? "");
      if (!chosen && !field.schema.enum?.includes(""))
        choices.unshift({ value: "", label: field.required ? forms.choose : forms.none });
      return (
        <ChoiceField
          {...common}
          choices={choices}
          value={chosen}
          onChange={(event) => text(event.target.value)}
        />
      );
    }
    case "number":
      return (
        <TextField
          {...common}
          inputMode="numeric"
          placeholder={placeholder(field)}
          value={shown}
          onChange={(event) => {
            const typed = event.target.value.trim();
            const number = Number(typed);
            change(field.path, typed === "" ? undefined : Number.isNaN(number) ? typed : number);
          }}
        />
      );
    case "secret":
      return (
        <TextField
          {...common}
          type="password"
          autoComplete="new-password"
          hint={value === MASK ? forms.kept : field.hint}
          value={shown}
          onChange={(event) => text(event.target.value)}
        />
      );
    case "pairs":
      return (
        <Pairs
          label={field.title}
          hint={field.hint}
          value={(value as Record<string, string> | undefined) ?? {}}
          onChange={(pairs) => change(field.path, Object.keys(pairs).length ? pairs : undefined)}
        />
      );
    case "list":
      return (
        <AreaField
          {...common}
          hint={`${field.hint} ${forms.perLine}`}
          rows={3}
          value={linesOf(value).join("\n")}
          onChange={(event) => {
            const lines = event.target.value.split("\n");
            change(field.path, lines.some(Boolean) ? lines : undefined);
          }}
        />
      );
    case "area":
      return (
        <AreaField
          {...common}
          placeholder={placeholder(field)}
          value={shown}
          onChange={(event) => text(event.target.value)}
        />
      );
    default:
      return lookup?.names.includes(field.path) ? (
        <Suggested
          {...common}
          placeholder={placeholder(field)}
          value={shown}
          onText={text}
          find={(prefix) => lookup.find(field.path, prefix)}
        />
      ) : (
        <TextField
          {...common}
          placeholder={placeholder(field)}
          value={shown}
          onChange={(event) => text(event.target.value)}
        />
      );
  }
}
