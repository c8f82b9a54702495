// A button that copies a text, and a block of code with one.
import { Check, Copy as CopyIcon } from "lucide-react";
import { useState } from "react";
import { app } from "@/text/app";
import { IconButton } from "./Button";
import { notify } from "./Toast";

/** Where the browser gives no clipboard (plain HTTP on another machine) a hidden field does it. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("The browser does not let this page copy.");
}

export function CopyButton({ text, label = app.copy }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await copyText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch (error) {
      notify((error as Error).message, "bad");
    }
  };
  return (
    <IconButton icon={done ? Check : CopyIcon} label={done ? app.copied : label} onClick={copy} />
  );
}

export function CodeBlock({ text, label }: { text: string; label?: string }) {
  return (
    <div className="relative rounded-md border border-line bg-page text-left">
      <div className="absolute top-1 right-1 rounded-md bg-page">
        <CopyButton text={text} />
      </div>
      <pre
        tabIndex={0}
        role="region"
        aria-label={label ?? app.code}
        className="overflow-auto p-2 pr-10 font-mono text-xs"
      >
        {text}
      </pre>
    </div>
  );
}
