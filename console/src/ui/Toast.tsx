// Short notices that go by themselves, raised from anywhere with `notify`.
import { X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { type ReactNode, useSyncExternalStore } from "react";
import { app } from "@/text/app";
import { IconButton } from "./Button";
import { cx } from "./cx";

interface Notice {
  id: number;
  text: ReactNode;
  tone: "good" | "bad";
}

const SHOWN_MAX = 4;
let notices: Notice[] = [];
let next = 1;
const readers = new Set<() => void>();

function change(now: Notice[]): void {
  notices = now;
  for (const reader of readers) reader();
}

/** Shows a notice for some seconds; failures stay longer. */
export function notify(text: ReactNode, tone: "good" | "bad" = "good"): void {
  change([...notices, { id: next++, text, tone }].slice(-SHOWN_MAX));
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (reader) => {
      readers.add(reader);
      return () => readers.delete(reader);
    },
    () => notices,
  );
  return (
    <Radix.Provider swipeDirection="right">
      {shown.map((notice) => (
        <Radix.Root
          key={notice.id}
          duration={notice.tone === "bad" ? 12_000 : 5_000}
          onOpenChange={(open) => !open && change(notices.filter((n) => n.id !== notice.id))}
          className={cx(
            "flex items-start gap-2 rounded-md border bg-raised px-3 py-2 shadow-xl",
            notice.tone === "bad" ? "border-bad" : "border-line",
          )}
        >
          <Radix.Description className="min-w-0 flex-1 text-[13px] break-words">
            {notice.text}
          </Radix.Description>
          <Radix.Close asChild>
            <IconButton icon={X} label={app.close} />
          </Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className="fixed right-3 bottom-3 z-50 flex w-96 max-w-[calc(100vw-1.5rem)] flex-col gap-2 outline-none" />
    </Radix.Provider>
  );
}
