// What failed, why, and one thing to do about it.
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { app } from "@/text/app";
import { Button } from "./Button";

interface Props {
  error: Error;
  what?: string;
  retry?: () => void;
  children?: ReactNode;
}

export function Failure({ error, what, retry, children }: Props) {
  return (
    <div
      role="alert"
      className="my-2 flex items-start gap-2 rounded-md border border-bad/40 bg-bad-soft px-3 py-2 text-text"
    >
      <CircleAlert aria-hidden size={16} className="mt-0.5 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{what ?? app.failed}</p>
        <p className="font-mono text-xs break-words whitespace-pre-wrap">{error.message}</p>
        {children}
      </div>
      {retry && <Button onClick={retry}>{app.retry}</Button>}
    </div>
  );
}
