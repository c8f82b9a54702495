// Tabs whose choice belongs to the page (its address, mostly).
import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cx } from "./cx";

export interface Tab {
  value: string;
  label: ReactNode;
  content: ReactNode;
}

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  tabs: Tab[];
  className?: string;
  /** Shown at the end of the row of tabs. */
  extra?: ReactNode;
}

export function Tabs({ label, value, onChange, tabs, className, extra }: Props) {
  return (
    <Radix.Root
      // An address may name a tab that is not there.
      value={tabs.some((tab) => tab.value === value) ? value : tabs[0]?.value}
      onValueChange={onChange}
      className={cx("flex min-h-0 min-w-0 flex-col", className)}
    >
      <div className="flex items-center border-b border-line">
        <Radix.List aria-label={label} className="flex min-w-0 flex-1 gap-1 overflow-x-auto px-1">
          {tabs.map((tab) => (
            <Radix.Trigger
              key={tab.value}
              value={tab.value}
              className="-mb-px inline-flex min-h-8 items-center gap-1 border-b-2 border-transparent px-2.5 text-[13px] -outline-offset-2 whitespace-nowrap text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-text"
            >
              {tab.label}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {extra}
      </div>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className="min-h-0 flex-1 outline-none">
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
