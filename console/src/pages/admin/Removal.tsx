// The button that deletes the chosen rows of a list, after a question.
import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { call } from "@/api/client";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";

interface Props {
  /** Paths below /api/v1beta2 to delete, one after the other. */
  paths: string[];
  title: string;
  why?: string;
  /** Lists that are read anew. */
  queryKey: readonly unknown[];
  onDone: () => void;
  /** What goes with them. */
  children?: ReactNode;
}

export function Removal({ paths, title, why, queryKey, onDone, children }: Props) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const run = async () => {
    try {
      for (const path of paths) await call(path, { method: "DELETE" });
      onDone();
    } finally {
      await client.invalidateQueries({ queryKey });
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
