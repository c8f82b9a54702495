// The fields of a function of the workspace.
import { useQuery } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { bootstrapQuery } from "@/api/session";
import { functions as text } from "@/text/functions";
import { Button, IconButton } from "@/ui/Button";
import { AreaField, CheckField, ChoiceField, TextField } from "@/ui/Field";
import { type Draft, sample } from "./draft";

interface Props {
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** A function that is there keeps its name. */
  stored?: boolean;
  disabled?: boolean;
}

export function FunctionForm({ draft, onChange, stored, disabled }: Props) {
  const { data } = useQuery(bootstrapQuery);
  const python = data?.features.python_functions ?? false;
  const set = (part: Partial<Draft>) => onChange({ ...draft, ...part });
  const kinds = Object.entries(text.languages)
    .filter(([value]) => value !== "python" || python || draft.type === "python")
    .map(([value, label]) => ({ value, label }));
  // A text that nobody changed is changed with what it was made from.
  const untouched = draft.source === sample(draft) || !draft.source;
  const follow = (part: Partial<Draft>) =>
    set({ ...part, ...(untouched && !stored && { source: sample({ ...draft, ...part }) }) });
  return (
    <fieldset disabled={disabled} className="flex min-w-0 flex-col gap-3">
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label={text.name}
          required
          readOnly={stored}
          value={draft.name}
          onChange={(event) => follow({ name: event.target.value })}
        />
        <ChoiceField
          label={text.language}
          hint={python ? undefined : text.pythonOff}
          value={draft.type}
          choices={kinds}
          disabled={stored}
          onChange={(event) => follow({ type: event.target.value })}
        />
      </div>
      <Arguments draft={draft} set={set} />
      {draft.type !== "sql" && (
        <div className="grid items-start gap-3 sm:grid-cols-2">
          <TextField
            label={text.returns}
            hint={text.returnsHint}
            required
            value={draft.returns}
            onChange={(event) => set({ returns: event.target.value })}
          />
          {draft.type !== "remote" && (
            <div className="sm:pt-6">
              <CheckField
                label={text.aggregate}
                checked={draft.aggregate}
                onChange={(event) => follow({ aggregate: event.target.checked })}
              />
            </div>
          )}
        </div>
      )}
      {draft.type === "remote" ? (
        <Remote draft={draft} set={set} />
      ) : (
        <AreaField
          label={text.source}
          hint={text.sourceHints[draft.type]}
          required
          rows={draft.type === "sql" ? 3 : 10}
          value={draft.source}
          onChange={(event) => set({ source: event.target.value })}
        />
      )}
      <TextField
        label={text.description}
        value={draft.description}
        onChange={(event) => set({ description: event.target.value })}
      />
    </fieldset>
  );
}

interface PartProps {
  draft: Draft;
  set: (part: Partial<Draft>) => void;
}

function Arguments({ draft, set }: PartProps) {
  const put = (n: number, part: Partial<Draft["args"][number]>) =>
    set({ args: draft.args.map((old, m) => (m === n ? { ...old, ...part } : old)) });
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">{text.arguments}</legend>
      {draft.args.map((arg, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: names change while they are typed
        <div key={n} className="flex items-center gap-2">
          <div className="flex-1">
            <TextField
              label={`${text.argument} ${n + 1}`}
              bare
              placeholder={text.argument}
              value={arg.name}
              onChange={(event) => put(n, { name: event.target.value })}
            />
          </div>
          {draft.type !== "sql" && (
            <div className="flex-1">
              <TextField
                label={`${text.type} ${n + 1}`}
                bare
                placeholder={text.type}
                value={arg.type}
                onChange={(event) => put(n, { type: event.target.value })}
              />
            </div>
          )}
          <IconButton
            icon={X}
            label={text.removeArgument(arg.name || String(n + 1))}
            onClick={() => set({ args: draft.args.filter((_, m) => m !== n) })}
          />
        </div>
      ))}
      <Button
        icon={Plus}
        className="self-start"
        onClick={() => set({ args: [...draft.args, { name: "", type: "string" }] })}
      >
        {text.addArgument}
      </Button>
    </fieldset>
  );
}

function Remote({ draft, set }: PartProps) {
  return (
    <>
      <TextField
        label={text.url}
        hint={text.urlHint}
        required
        type="url"
        placeholder="https://"
        value={draft.url}
        onChange={(event) => set({ url: event.target.value })}
      />
      <div className="grid gap-3 sm:grid-cols-3">
        <ChoiceField
          label={text.auth}
          value={draft.auth}
          choices={Object.entries(text.auths).map(([value, label]) => ({ value, label }))}
          onChange={(event) => set({ auth: event.target.value })}
        />
        {draft.auth === "auth_header" && (
          <>
            <TextField
              label={text.authHeader}
              required
              value={draft.authHeader}
              onChange={(event) => set({ authHeader: event.target.value })}
            />
            <TextField
              label={text.authKey}
              required
              type="password"
              autoComplete="new-password"
              hint={draft.authKey === "******" ? text.authKept : undefined}
              value={draft.authKey}
              onChange={(event) => set({ authKey: event.target.value })}
            />
          </>
        )}
      </div>
    </>
  );
}
