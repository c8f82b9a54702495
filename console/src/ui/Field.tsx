// Labelled controls of forms: text, number, area, choice and switch, with hint and error.
import type {
  InputHTMLAttributes,
  ReactNode,
  Ref,
  SelectHTMLAttributes,
  TextareaHTMLAttributes,
} from "react";
import { useId } from "react";
import { cx } from "./cx";

interface Common {
  label: string;
  hint?: ReactNode;
  error?: string;
  /** The label is for screen readers only. */
  bare?: boolean;
}

export const CONTROL =
  "w-full min-h-7 rounded-md border border-edge/70 bg-surface px-2 py-1 text-[13px] placeholder:text-muted disabled:opacity-60 aria-invalid:border-bad";

function Frame({
  id,
  label,
  hint,
  error,
  bare,
  required,
  children,
}: Common & { id: string; required?: boolean; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className={bare ? "sr-only" : "text-xs font-medium text-muted"}>
        {label}
        {required && <span aria-hidden> *</span>}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-xs text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

function described(id: string, { hint, error }: Common): string | undefined {
  return cx(hint ? `${id}-hint` : "", error ? `${id}-error` : "") || undefined;
}

type TextProps = Common & InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> };

export function TextField({ label, hint, error, bare, className, ...rest }: TextProps) {
  const own = useId();
  const id = rest.id ?? own;
  const common = { label, hint, error, bare };
  return (
    <Frame id={id} required={rest.required} {...common}>
      <input
        autoComplete="off"
        spellCheck={false}
        {...rest}
        id={id}
        aria-invalid={!!error || undefined}
        aria-describedby={described(id, common)}
        className={cx(CONTROL, className)}
      />
    </Frame>
  );
}

type AreaProps = Common &
  TextareaHTMLAttributes<HTMLTextAreaElement> & { ref?: Ref<HTMLTextAreaElement> };

export function AreaField({ label, hint, error, bare, className, ...rest }: AreaProps) {
  const own = useId();
  const id = rest.id ?? own;
  const common = { label, hint, error, bare };
  return (
    <Frame id={id} required={rest.required} {...common}>
      <textarea
        spellCheck={false}
        rows={4}
        {...rest}
        id={id}
        aria-invalid={!!error || undefined}
        aria-describedby={described(id, common)}
        className={cx(CONTROL, "font-mono", className)}
      />
    </Frame>
  );
}

export interface Choice {
  value: string;
  label: string;
}

type ChoiceProps = Common &
  SelectHTMLAttributes<HTMLSelectElement> & { choices: Choice[]; ref?: Ref<HTMLSelectElement> };

/** The browser's own list: quick, and usable by touch and keyboard. */
export function ChoiceField({
  label,
  hint,
  error,
  bare,
  choices,
  className,
  ...rest
}: ChoiceProps) {
  const own = useId();
  const id = rest.id ?? own;
  const common = { label, hint, error, bare };
  return (
    <Frame id={id} required={rest.required} {...common}>
      <select
        {...rest}
        id={id}
        aria-invalid={!!error || undefined}
        aria-describedby={described(id, common)}
        className={cx(CONTROL, className)}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

type CheckProps = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  hint?: ReactNode;
  ref?: Ref<HTMLInputElement>;
};

export function CheckField({ label, hint, ...rest }: CheckProps) {
  const own = useId();
  const id = rest.id ?? own;
  return (
    <div className="flex items-start gap-2">
      <input type="checkbox" {...rest} id={id} className="mt-0.5 size-4 accent-(--accent)" />
      <label htmlFor={id} className="text-[13px]">
        {label}
        {hint && <span className="block text-xs text-muted">{hint}</span>}
      </label>
    </div>
  );
}
