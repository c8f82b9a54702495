// What a page says when there is nothing yet, with the first step out of it.
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

interface Props {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
}

export function Empty({ icon: Icon, title, children }: Props) {
  return (
    <div className="mx-auto flex max-w-lg flex-col items-center gap-3 px-4 py-12 text-center">
      <Icon aria-hidden size={32} className="text-muted" />
      <p className="text-sm font-medium">{title}</p>
      <div className="flex flex-col items-center gap-2 text-muted">{children}</div>
    </div>
  );
}
