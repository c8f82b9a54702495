// A field of a form for SQL: an editor that completes from the catalog, loaded when it is needed.
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useId, useRef, useState } from "react";
import { app } from "@/text/app";
import { cx } from "@/ui/cx";
import { Skeleton } from "@/ui/Skeleton";
import { catalogQuery } from "./catalogQuery";

const SmallEditor = lazy(() => import("./SmallEditor"));

interface Props {
  label: string;
  hint?: ReactNode;
  required?: boolean;
  /** Lines that are seen without scrolling. */
  rows?: number;
  value: string;
  onChange: (value: string) => void;
  /** Ctrl+Enter. */
  onRun?: () => void;
}

export function SqlField({ label, hint, required, rows = 4, value, onChange, onRun }: Props) {
  const id = useId();
  const { data: catalog } = useQuery(catalogQuery);
  const focus = useRef<(() => void) | null>(null);
  const [missing, setMissing] = useState(false);
  const empty = missing && !value.trim();
  const described = cx(hint ? `${id}-hint` : "", empty ? `${id}-error` : "");
  const attributes = {
    "aria-labelledby": `${id}-label`,
    ...(described && { "aria-describedby": described }),
    ...(required && { "aria-required": "true" }),
    ...(empty && { "aria-invalid": "true" }),
  };
  return (
    <div className="relative flex min-w-0 flex-col gap-1">
      {/* biome-ignore lint/a11y: a click on the name of a field gives it the focus, as a label does */}
      <span
        id={`${id}-label`}
        className="self-start text-xs font-medium text-muted"
        onClick={() => focus.current?.()}
      >
        {label}
        {required && <span aria-hidden> *</span>}
      </span>
      <div
        className={cx(
          "min-h-12 overflow-hidden rounded-md border bg-surface focus-within:outline-2 focus-within:outline-accent",
          empty ? "border-bad" : "border-edge/70",
        )}
      >
        <Suspense fallback={<Skeleton lines={2} />}>
          <SmallEditor
            text={value}
            catalog={catalog}
            attributes={attributes}
            lines={rows}
            changed={onChange}
            run={() => onRun?.()}
            onFocusable={(now) => {
              focus.current = now;
            }}
          />
        </Suspense>
      </div>
      {required && (
        // So that the form knows: an editor is no control that it can ask.
        <textarea
          aria-hidden
          required
          tabIndex={-1}
          className="pointer-events-none absolute bottom-0 left-0 h-px w-px resize-none opacity-0"
          value={value.trim()}
          onChange={() => undefined}
          onInvalid={(event) => {
            event.preventDefault();
            setMissing(true);
            focus.current?.();
          }}
        />
      )}
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </p>
      )}
      {empty && (
        <p id={`${id}-error`} role="alert" className="text-xs text-bad">
          {app.required}
        </p>
      )}
    </div>
  );
}
