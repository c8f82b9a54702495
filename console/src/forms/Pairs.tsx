// Names with values, such as headers: a line for each, and one more to add.
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { forms } from "@/text/forms";
import { Button, IconButton } from "@/ui/Button";
import { TextField } from "@/ui/Field";

interface Props {
  label: string;
  hint: string;
  value: Record<string, string>;
  onChange: (value: Record<string, string>) => void;
}

export function Pairs({ label, hint, value, onChange }: Props) {
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const add = () => {
    if (!name) return;
    onChange({ ...value, [name]: text });
    setName("");
    setText("");
  };
  const remove = (key: string) =>
    onChange(Object.fromEntries(Object.entries(value).filter(([k]) => k !== key)));
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="text-xs font-medium text-muted">{label}</legend>
      {Object.entries(value).map(([key, one]) => (
        <div key={key} className="flex items-center gap-2">
          <span className="min-w-0 flex-1 truncate font-mono text-xs">{key}</span>
          <div className="flex-2">
            <TextField
              label={`${label} ${key}`}
              bare
              value={one}
              onChange={(event) => onChange({ ...value, [key]: event.target.value })}
            />
          </div>
          <IconButton icon={X} label={forms.removePair(key)} onClick={() => remove(key)} />
        </div>
      ))}
      <div className="flex items-end gap-2">
        <div className="flex-1">
          <TextField
            label={`${label}: ${forms.key}`}
            bare
            placeholder={forms.key}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <div className="flex-2">
          <TextField
            label={`${label}: ${forms.value}`}
            bare
            placeholder={forms.value}
            value={text}
            onBlur={add}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <Button icon={Plus} disabled={!name} onClick={add}>
          {forms.addPair}
        </Button>
      </div>
      <p className="text-xs text-muted">{hint}</p>
    </fieldset>
  );
}
