// Asks before a page with changes that are not saved is left.
import { useBlocker } from "@tanstack/react-router";
import type { RefObject } from "react";
import { dashboards } from "@/text/dashboards";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";

interface Props {
  dirty: boolean;
  /** The page is left on purpose. */
  leaving: RefObject<boolean>;
}

export function LeaveQuestion({ dirty, leaving }: Props) {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      dirty && !leaving.current && current.pathname !== next.pathname,
    enableBeforeUnload: () => dirty && !leaving.current,
    withResolver: true,
  });
  if (blocker.status !== "blocked") return null;
  const words = dashboards.leave;
  return (
    <Dialog
      open
      onClose={blocker.reset}
      title={words.title}
      footer={
        <>
          <Button look="danger" onClick={blocker.proceed}>
            {words.discard}
          </Button>
          <Button look="primary" onClick={blocker.reset}>
            {words.stay}
          </Button>
        </>
      }
    >
      <p>{words.text}</p>
    </Dialog>
  );
}
