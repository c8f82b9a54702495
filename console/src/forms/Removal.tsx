// The button that deletes an object, or the chosen rows of a list, after a question.
import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";

interface Props {
  remove: () => Promise<unknown>;
  title: string;
  why?: string;
  /** The list that is read anew; what was deleted is not asked for again. */
  queryKey: readonly unknown[];
  onDone: () => void;
  /** What goes with them. */
  children?: ReactNode;
}

export function Removal({ remove, title, why, queryKey, onDone, children }: Props) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const run = async () => {
    try {
      await remove();
      onDone();
    } finally {
      await client.invalidateQueries({ queryKey, exact: true });
    }
  };
  return (
    <>
      <Button look="danger" icon={Trash2} onClick={() => setOpen(true)}>
        {app.remove}
      </Button>
      <Confirm
        open={open}
        onClose={() => setOpen(false)}
        title={title}
        action={app.remove}
        run={run}
      >
        {why && <p>{why}</p>}
        {children}
      </Confirm>
    </>
  );
}
