// The row of query tabs: go to one, close it, name it, open a new one.
import { CircleAlert, CircleCheck, Plus, X } from "lucide-react";
import { useState } from "react";
import { query } from "@/text/query";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { activate, change, closeTab, openTab, type QueryTab, useTabs } from "./tabs";

const t = query.tabs;

export function TabStrip() {
  const { tabs, active } = useTabs();
  const move = (by: number) => {
    const at = tabs.findIndex((tab) => tab.id === active);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    if (!next) return;
    activate(next.id);
    requestAnimationFrame(() => document.getElementById(`query-tab-${next.id}`)?.focus());
  };
  return (
    <div className="flex min-w-0 items-stretch border-b border-line bg-page">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: keys of the tabs, which the list below owns */}
      <div
        className="flex min-w-0 overflow-x-auto"
        onKeyDown={(event) => {
          if ((event.target as HTMLElement).tagName === "INPUT") return;
          if (event.key === "ArrowRight") move(1);
          else if (event.key === "ArrowLeft") move(-1);
          else if (event.key === "Delete") closeTab(active);
        }}
      >
        {/* Not around the tabs: the buttons that close them must not be in it. */}
        <div
          role="tablist"
          aria-label={t.label}
          aria-owns={tabs.map((tab) => `query-tab-${tab.id}`).join(" ")}
        />
        {tabs.map((tab) => (
          <Tab key={tab.id} tab={tab} active={tab.id === active} />
        ))}
      </div>
      <div className="flex shrink-0 items-center px-1">
        <IconButton icon={Plus} label={`${t.add} (Alt T)`} onClick={() => openTab()} />
        <IconButton
          icon={X}
          label={`${t.close(tabs.find((tab) => tab.id === active)?.title ?? "")} (Alt W)`}
          className="not-focus-visible:sr-only"
          onClick={() => closeTab(active)}
        />
      </div>
    </div>
  );
}

function Tab({ tab, active }: { tab: QueryTab; active: boolean }) {
  const [naming, setNaming] = useState(false);
  const rename = (title: string) => {
    setNaming(false);
    if (title.trim()) change(tab.id, { title: title.trim(), named: true });
  };
  return (
    <div
      role="presentation"
      onAuxClick={(event) => event.button === 1 && closeTab(tab.id)}
      className={cx(
        "group flex h-8 max-w-52 shrink-0 items-center border-r border-line",
        active ? "bg-surface shadow-[inset_0_2px_0_var(--accent)]" : "text-muted hover:bg-surface",
      )}
    >
      {naming ? (
        <input
          aria-label={t.rename}
          defaultValue={tab.title}
          autoFocus
          onFocus={(event) => event.target.select()}
          onBlur={(event) => rename(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") rename(event.currentTarget.value);
            if (event.key === "Escape") setNaming(false);
          }}
          className="mx-1 w-32 rounded border border-accent bg-surface px-1"
        />
      ) : (
        <button
          type="button"
          role="tab"
          id={`query-tab-${tab.id}`}
          aria-selected={active}
          tabIndex={active ? 0 : -1}
          onClick={() => activate(tab.id)}
          onDoubleClick={() => setNaming(true)}
          className={cx(
            "flex h-full min-w-0 items-center gap-1.5 pl-3 text-[13px] outline-offset-[-2px]",
            active && "font-medium",
          )}
        >
          <Dot tab={tab} />
          <span className="truncate">{tab.title}</span>
        </button>
      )}
      {/* For the pointer: a list of tabs holds tabs alone; the button behind it closes too. */}
      <span
        aria-hidden
        title={t.close(tab.title)}
        onClick={() => closeTab(tab.id)}
        className="mx-1 inline-flex size-6 shrink-0 cursor-pointer items-center justify-center rounded text-muted hover:bg-accent-soft hover:text-text"
      >
        <X aria-hidden size={13} />
      </span>
    </div>
  );
}

/** What goes on in a tab, also for those who do not see colours. */
function Dot({ tab }: { tab: QueryTab }) {
  if (tab.running)
    return (
      <span role="img" aria-label={t.running} className="relative flex size-2 shrink-0">
        <span className="absolute inline-flex size-full animate-ping rounded-full bg-good opacity-60" />
        <span className="relative inline-flex size-2 rounded-full bg-good" />
      </span>
    );
  if (tab.unseen === "failed")
    return <CircleAlert aria-label={t.failed} size={12} className="shrink-0 text-bad" />;
  if (tab.unseen)
    return <CircleCheck aria-label={tab.unseen} size={12} className="shrink-0 text-info" />;
  return null;
}
