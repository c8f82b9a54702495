// A window above the page that takes the focus; and the question before something is deleted.
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useState } from "react";
import { app } from "@/text/app";
import { Button, IconButton } from "./Button";
import { cx } from "./cx";
import { Failure } from "./Failure";

interface Props {
  open: boolean;
  onClose?: () => void;
  title: string;
  children: ReactNode;
  footer?: ReactNode;
  wide?: boolean;
}

/** The first field, else the dialog: on the close button its tip would take the first Escape. */
function focusFirst(event: Event): void {
  event.preventDefault();
  const content = event.currentTarget as HTMLElement;
  const field = content.querySelector<HTMLElement>(
    "[data-dialog-body] :is(input, textarea, select):not(:disabled)",
  );
  (field ?? content).focus();
}

/** Without `onClose` it stays until what it asks is done. */
export function Dialog({ open, onClose, title, children, footer, wide }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={(now) => !now && onClose?.()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-[#000]/45" />
        <Radix.Content
          aria-describedby={undefined}
          onEscapeKeyDown={(event) => !onClose && event.preventDefault()}
          onOpenAutoFocus={focusFirst}
          onInteractOutside={(event) => event.preventDefault()}
          className={cx(
            "fixed top-[8vh] left-1/2 z-40 flex max-h-[84vh] w-[calc(100vw-1rem)] -translate-x-1/2 flex-col rounded-lg border border-line bg-raised shadow-2xl",
            wide ? "max-w-4xl" : "max-w-lg",
          )}
        >
          <div className="flex items-center justify-between gap-2 border-b border-line px-4 py-2.5">
            <Radix.Title className="text-sm font-semibold">{title}</Radix.Title>
            {onClose && <IconButton icon={X} label={app.close} onClick={onClose} />}
          </div>
          <div data-dialog-body className="min-h-0 flex-1 overflow-auto px-4 py-3">
            {children}
          </div>
          {footer && (
            <div className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-2.5">
              {footer}
            </div>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: string;
  action: string;
  run: () => Promise<unknown>;
  children?: ReactNode;
}

/** Asks before `run`; what refuses it is shown here, and the question stays. */
export function Confirm({ open, onClose, title, action, run, children }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const close = () => {
    setError(null);
    onClose();
  };
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      await run();
      onClose();
    } catch (reason) {
      setError(reason as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      footer={
        <>
          <Button onClick={close}>{app.cancel}</Button>
          <Button look="danger" busy={busy} onClick={go}>
            {action}
          </Button>
        </>
      }
    >
      {children}
      {error && <Failure error={error} />}
    </Dialog>
  );
}
