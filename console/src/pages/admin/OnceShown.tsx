// Shows a new key, which nobody is shown again.
import type { ReactNode } from "react";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { CodeBlock } from "@/ui/Copy";
import { Dialog } from "@/ui/Dialog";

interface Props {
  title: string;
  why: string;
  secret: string;
  onClose: () => void;
  children?: ReactNode;
}

export function OnceShown({ title, why, secret, onClose, children }: Props) {
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      footer={<Button onClick={onClose}>{app.close}</Button>}
    >
      <p className="mb-2">{why}</p>
      <CodeBlock text={secret} label={title} />
      {children}
    </Dialog>
  );
}
