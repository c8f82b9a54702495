// Shows the panel that the page's address names, beside the page; over it on small screens.
import { useSearch } from "@tanstack/react-router";
import { ExternalLink, X } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { app } from "@/text/app";
import { palette } from "@/text/palette";
import { IconButton } from "@/ui/Button";
import { Go } from "@/ui/Go";
import { Skeleton } from "@/ui/Skeleton";
import { Tip } from "@/ui/Tip";
import { PANELS, useOpenPanel } from "./panels";

export function SidePanel() {
  const { panel = "" } = useSearch({ strict: false }) as { panel?: string };
  const open = useOpenPanel();
  const [kind, name] = [panel.slice(0, panel.indexOf(":")), panel.slice(panel.indexOf(":") + 1)];
  const known = PANELS[kind];
  const Content = useMemo(() => known && lazy(known.load), [known]);
  if (!known || !Content || !name) return null;
  return (
    <aside
      aria-label={known.headed ? known.label : `${known.label} ${name}`}
      onKeyDown={(event) => event.key === "Escape" && open()}
      className="fixed inset-x-0 top-11 bottom-0 z-30 flex flex-col border-l border-line bg-surface shadow-xl sm:left-auto sm:w-[30rem] lg:static lg:shadow-none"
    >
      <div className="flex items-center gap-1 border-b border-line px-3 py-1.5">
        <div className="min-w-0 flex-1">
          <p className="text-xs text-muted">{known.label}</p>
          {!known.headed && <h2 className="truncate text-sm font-semibold">{name}</h2>}
        </div>
        {known.page && (
          <Tip text={palette.openPage}>
            <Go
              to={known.page(name)}
              aria-label={palette.openPage}
              className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-accent-soft"
            >
              <ExternalLink aria-hidden size={16} />
            </Go>
          </Tip>
        )}
        <IconButton icon={X} label={app.close} onClick={() => open()} />
      </div>
      <div className="min-h-0 flex-1 overflow-auto">
        <Suspense fallback={<Skeleton />}>
          <Content key={name} name={name} />
        </Suspense>
      </div>
    </aside>
  );
}
