// A link to an address of the console that is made at run time, search parameters included.
import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { useAddress, useGo } from "@/app/go";

interface Props extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** Path below the console, such as `/query?sql=...`. */
  to: string;
}

export function Go({ to, onClick, children, ...rest }: Props) {
  const address = useAddress();
  const go = useGo();
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (event.defaultPrevented || !plain || rest.target) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a {...rest} href={address(to)} onClick={follow}>
      {children}
    </a>
  );
}
