// The frame of a page: its one heading, what can be done there, and the browser's title.
import { type ReactNode, useEffect } from "react";
import { app } from "@/text/app";

interface Props {
  title: string;
  /** Beside the heading: a badge, a count. */
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** The content fills the height and scrolls by itself. */
  fill?: boolean;
}

export function Page({ title, note, actions, children, fill }: Props) {
  useEffect(() => {
    document.title = `${title} · ${app.name}`;
  }, [title]);
  return (
    <div className={fill ? "flex h-full min-h-0 flex-col" : "mx-auto max-w-[1600px] p-4"}>
      <div
        className={
          fill
            ? "flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5"
            : "mb-3 flex flex-wrap items-center gap-2"
        }
      >
        <h1 className="text-base font-semibold">{title}</h1>
        {note}
        <div className="ml-auto flex flex-wrap gap-2">{actions}</div>
      </div>
      {children}
    </div>
  );
}
