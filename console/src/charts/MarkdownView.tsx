// A Markdown text with values of rows in it: rendered once, its values changed in place.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { charts } from "@/text/charts";
import { Failure } from "@/ui/Failure";
import "./markdown.css";
import { filled, type Source } from "./templates";

interface Props {
  text: string;
  source: Source;
  label: string;
}

interface Slot {
  template: string;
  /** An address: its values stay as they are. */
  exact: boolean;
  put: (text: string) => void;
}

/** The places of placeholders: pieces of text, and addresses of links. */
function slotsOf(root: Node): Slot[] {
  const slots: Slot[] = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node instanceof Text && node.data.includes("{{")) {
      const piece = node;
      slots.push({
        template: piece.data,
        exact: false,
        put: (text) => {
          if (piece.data !== text) piece.data = text;
        },
      });
    } else if (node instanceof HTMLAnchorElement) {
      const template = decoded(node.getAttribute("href") ?? "");
      if (!template.includes("{{")) continue;
      const link = node;
      slots.push({ template, exact: true, put: (text) => put(link, text) });
    }
  }
  return slots;
}

function decoded(address: string): string {
  try {
    return decodeURI(address);
  } catch {
    return address;
  }
}

/** A value must not make a link to a script of it. */
function put(link: HTMLAnchorElement, address: string): void {
  if (/^(https?:\/\/|mailto:|\/(?!\/)|#)/i.test(address)) link.setAttribute("href", address);
  else link.removeAttribute("href");
}

export function MarkdownView({ text, source, label }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const slots = useRef<Slot[]>([]);
  const [blocked, setBlocked] = useState<string[]>([]);
  const engine = useQuery({
    queryKey: ["markdown-engine"],
    queryFn: () => import("./markdown"),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const render = engine.data?.render;
  useEffect(() => {
    if (!render || !host.current) return;
    const { fragment, blocked: out } = render(text);
    slots.current = slotsOf(fragment);
    host.current.replaceChildren(fragment);
    setBlocked(out);
  }, [render, text]);
  useEffect(() => {
    if (!render || !text) return;
    for (const slot of slots.current) slot.put(filled(slot.template, source, slot.exact));
  }, [render, text, source]);
  if (engine.error) return <Failure error={engine.error} retry={() => void engine.refetch()} />;
  return (
    <section aria-label={label} tabIndex={0} className="markdown h-full overflow-auto px-3 py-2">
      <div ref={host} />
      {blocked.map((one) => (
        <p key={one} className="text-xs text-warn">
          {charts.blocked(one)}
        </p>
      ))}
    </section>
  );
}
