// A menu that opens from a button.
import type { LucideIcon } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { Fragment, type ReactNode } from "react";
import { cx } from "./cx";

export interface Item {
  label: string;
  icon?: LucideIcon;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  checked?: boolean;
  /** A line above this item. */
  apart?: boolean;
  /** The keys that do the same. */
  keys?: string;
}

interface Props {
  /** One button, which gets the menu's behaviour. */
  trigger: ReactNode;
  items: Item[];
  align?: "start" | "end";
}

const LINE =
  "flex min-h-7 cursor-pointer items-center gap-2 rounded px-2 py-1 text-[13px] outline-none data-[disabled]:cursor-not-allowed data-[disabled]:opacity-40 data-[highlighted]:bg-accent-soft";

export function Menu({ trigger, items, align = "end" }: Props) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className="z-50 max-h-[70vh] min-w-44 overflow-auto rounded-md border border-line bg-raised p-1 shadow-xl"
        >
          {items.map((item) => (
            <Fragment key={item.label}>
              {item.apart && <DropdownMenu.Separator className="my-1 h-px bg-line" />}
              <Line item={item} />
            </Fragment>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function Line({ item }: { item: Item }) {
  const { icon: Icon } = item;
  const inner = (
    <>
      {Icon && <Icon aria-hidden size={14} />}
      <span className="flex-1">{item.label}</span>
      {item.keys && <kbd className="text-xs text-muted">{item.keys}</kbd>}
    </>
  );
  const common = { onSelect: item.onSelect, disabled: item.disabled };
  if (item.checked !== undefined)
    return (
      <DropdownMenu.CheckboxItem {...common} checked={item.checked} className={LINE}>
        <span aria-hidden className="w-3">
          {item.checked ? "✓" : ""}
        </span>
        {inner}
      </DropdownMenu.CheckboxItem>
    );
  return (
    <DropdownMenu.Item {...common} className={cx(LINE, item.danger && "text-bad")}>
      {inner}
    </DropdownMenu.Item>
  );
}
