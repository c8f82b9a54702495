// A text whose values the connector can look up at the remote system.
import { ListFilter } from "lucide-react";
import { type InputHTMLAttributes, type ReactNode, useId, useState } from "react";
import { forms } from "@/text/forms";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: ReactNode;
  error?: string;
  value: string;
  onText: (text: string) => void;
  find: (prefix: string) => Promise<string[]>;
}

export function Suggested({ onText, find, value, hint, ...rest }: Props) {
  const id = useId();
  const [values, setValues] = useState<string[] | null>(null);
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    setFault("");
    try {
      setValues(await find(""));
    } catch (error) {
      setFault((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="flex flex-col gap-1">
      <div className="flex items-end gap-2">
        <div className="min-w-0 flex-1">
          <TextField
            {...rest}
            list={id}
            value={value}
            onChange={(event) => onText(event.target.value)}
          />
        </div>
        <Button icon={ListFilter} busy={busy} onClick={look}>
          {forms.suggest}
        </Button>
      </div>
      <datalist id={id}>
        {values?.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      {values && values.length > 0 && (
        <div className="flex flex-wrap gap-1">
          {values.slice(0, 24).map((one) => (
            <button
              key={one}
              type="button"
              className="min-h-6 rounded border border-line bg-page px-1.5 font-mono text-xs hover:bg-accent-soft"
              onClick={() => onText(one)}
            >
              {one}
            </button>
          ))}
        </div>
      )}
      {values?.length === 0 && <p className="text-xs text-muted">{forms.suggestNone}</p>}
      {fault && (
        <p role="alert" className="text-xs text-bad">
          {fault}
        </p>
      )}
      {hint && <p className="text-xs text-muted">{hint}</p>}
    </div>
  );
}
