// A form above the page that creates one object; what the server refuses stays with what was typed.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useGo } from "@/app/go";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";

interface Props {
  title: string;
  onClose: () => void;
  create: () => Promise<unknown>;
  /** The page of what was created. */
  page: string;
  children: ReactNode;
}

export function NewDialog({ title, onClose, create, page, children }: Props) {
  const go = useGo();
  const client = useQueryClient();
  const form = useId();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await create();
      await client.invalidateQueries();
      go(page);
    } catch (reason) {
      setError(reason as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={title}
      footer={
        <>
          <Button onClick={onClose}>{app.cancel}</Button>
          <Button look="primary" type="submit" form={form} busy={busy}>
            {app.create}
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} className="flex flex-col gap-3">
        {children}
      </form>
      {error && <Failure error={error} />}
    </Dialog>
  );
}
