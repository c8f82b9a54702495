// Buttons: with text, or with an icon alone and a name for it.
import type { LucideIcon } from "lucide-react";
import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, Ref } from "react";
import { cx } from "./cx";
import { Tip } from "./Tip";

type Look = "plain" | "primary" | "danger" | "quiet";

const LOOKS: Record<Look, string> = {
  plain: "border border-edge/50 bg-surface hover:bg-accent-soft",
  primary: "border border-accent bg-accent text-on-accent hover:opacity-90",
  danger: "border border-bad bg-surface text-bad hover:bg-bad-soft",
  quiet: "border border-transparent hover:bg-accent-soft",
};

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  icon?: LucideIcon;
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

/** A button; `busy` shows that its work goes on and takes no further clicks. */
export function Button({ look = "plain", icon: Icon, busy, className, children, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={cx(
        "inline-flex min-h-7 items-center gap-1.5 rounded-md px-2.5 py-1 text-[13px] font-medium whitespace-nowrap select-none disabled:cursor-not-allowed disabled:opacity-50",
        LOOKS[look],
        className,
      )}
    >
      {busy ? (
        <LoaderCircle aria-hidden size={14} className="animate-spin" />
      ) : (
        Icon && <Icon aria-hidden size={14} />
      )}
      {children}
    </button>
  );
}

interface IconProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: LucideIcon;
  label: string;
  ref?: Ref<HTMLButtonElement>;
}

/** A button of an icon; its label is its name and its tip. */
export function IconButton({ icon: Icon, label, className, ...rest }: IconProps) {
  return (
    <Tip text={label}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        className={cx(
          "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-muted hover:bg-accent-soft hover:text-text disabled:cursor-not-allowed disabled:opacity-40 aria-pressed:bg-accent-soft aria-pressed:text-accent",
          className,
        )}
      >
        <Icon aria-hidden size={16} />
      </button>
    </Tip>
  );
}
