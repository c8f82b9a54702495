// One row in full: every column with its whole value, readable, as it came, and to copy.
import { useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronUp, X } from "lucide-react";
import { useState } from "react";
import { cellText } from "@/live/decode";
import type { Value } from "@/live/protocol";
import type { Header } from "@/live/useLive";
import { app } from "@/text/app";
import { grid } from "@/text/grid";
import { IconButton } from "@/ui/Button";
import { CopyButton } from "@/ui/Copy";
import { cx } from "@/ui/cx";
import { Failure } from "@/ui/Failure";
import { useGridState } from "@/ui/Grid";
import type { GridModel } from "@/ui/GridModel";

/** Text that is drawn at once; the rest of a huge value is in what Copy gives. */
const SHOWN_MAX = 200_000;

interface Props {
  model: GridModel;
  index: number;
  total: number;
  onGo: (index: number) => void;
  onClose: () => void;
}

export function RowPanel({ model, index, total, onGo, onClose }: Props) {
  const { header, seq, arrangement } = useGridState(model);
  const [raw, setRaw] = useState(false);
  const { data, error } = useQuery({
    queryKey: ["row", model.live.id, index, arrangement],
    queryFn: async () => (await model.whole(index, index + 1)).rows[0] ?? null,
    gcTime: 0,
    staleTime: 0,
    retry: false,
    placeholderData: (before) => before,
  });
  const whole = data
    ? JSON.stringify(Object.fromEntries(header.map((column, i) => [column.name, data[i] ?? null])))
    : "";
  return (
    <section
      aria-label={grid.rowPanel}
      className="flex min-h-0 w-96 shrink-0 flex-col border-line bg-raised max-md:max-h-1/2 max-md:w-full max-md:border-t md:border-l"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onClose();
      }}
    >
      <div className="flex shrink-0 items-center gap-0.5 border-b border-line py-0.5 pr-1 pl-3">
        <h2 className="flex-1 truncate text-[13px] font-semibold tabular-nums">
          {grid.rowNumber((seq < 0 ? index : seq + index) + 1)}
        </h2>
        <div role="group" className="mr-1 flex rounded-md border border-line">
          <Way on={!raw} onClick={() => setRaw(false)} text={grid.pretty} />
          <Way on={raw} onClick={() => setRaw(true)} text={grid.raw} />
        </div>
        <CopyButton text={whole} />
        <IconButton
          icon={ChevronUp}
          label={grid.previous}
          disabled={index <= 0}
          onClick={() => onGo(index - 1)}
        />
        <IconButton
          icon={ChevronDown}
          label={grid.next}
          disabled={index + 1 >= total}
          onClick={() => onGo(index + 1)}
        />
        <IconButton icon={X} label={app.close} onClick={onClose} />
      </div>
      <div
        tabIndex={0}
        role="region"
        aria-label={grid.values}
        className="min-h-0 flex-1 overflow-auto outline-offset-[-2px]"
      >
        {error && <Failure error={error as Error} />}
        {data && raw && <Text text={whole} />}
        {data && !raw && (
          <dl className="divide-y divide-line">
            {header.map((column, i) => (
              <Field
                // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name
                key={i}
                column={column}
                value={data[i] ?? null}
              />
            ))}
          </dl>
        )}
      </div>
    </section>
  );
}

function Way({ on, onClick, text }: { on: boolean; onClick: () => void; text: string }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onClick}
      className={cx(
        "min-h-6 px-2 text-xs first:rounded-l-md last:rounded-r-md",
        on ? "bg-accent-soft font-medium text-accent" : "text-muted hover:bg-accent-soft",
      )}
    >
      {text}
    </button>
  );
}

function Field({ column, value }: { column: Header; value: Value }) {
  return (
    <div className="group px-3 py-1.5">
      <dt className="flex min-h-7 items-center gap-2">
        <span className="min-w-0 truncate text-xs font-semibold">{column.name}</span>
        <span className="min-w-0 flex-1 truncate text-xs text-muted">{column.type}</span>
        <CopyButton text={cellText(value)} label={`${grid.copy} ${column.name}`} />
      </dt>
      <dd>
        {value === null ? (
          <span className="font-mono text-xs text-muted italic">null</span>
        ) : (
          <Text text={pretty(value)} inline />
        )}
      </dd>
    </div>
  );
}

function Text({ text, inline }: { text: string; inline?: boolean }) {
  const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  return (
    <pre
      className={cx(
        "font-mono text-xs break-words whitespace-pre-wrap [overflow-wrap:anywhere]",
        !inline && "p-3",
      )}
    >
      {shown}
    </pre>
  );
}

/** A value as people read it: JSON, also inside of a text, with indents. */
function pretty(value: Value): string {
  if (typeof value === "object") return JSON.stringify(value, null, 2);
  if (typeof value !== "string" || !/^\s*[[{]/.test(value) || value.length > SHOWN_MAX) {
    return String(value);
  }
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
