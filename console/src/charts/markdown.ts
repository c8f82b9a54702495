// Markdown to sanitised page elements; a chunk of its own.
import DOMPurify from "dompurify";
import { Marked } from "marked";

const marked = new Marked({ gfm: true, breaks: false, async: false });
const purifier = DOMPurify(window);

/** What the texts of others must not bring: scripts, frames, forms, styles, events, foreign images. */
const RULES = {
  RETURN_DOM_FRAGMENT: true as const,
  FORBID_TAGS: [
    "style",
    "form",
    "input",
    "button",
    "textarea",
    "select",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "video",
    "audio",
    "source",
    "base",
    "link",
    "meta",
  ],
  FORBID_ATTR: ["style", "class", "id", "name", "srcset", "ping", "background"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#|\/(?!\/)|\.{0,2}\/|\{\{)/i,
};

export interface Rendered {
  fragment: DocumentFragment;
  /** Hosts whose frames and images were left out. */
  blocked: string[];
}

function hostOf(address: string): string {
  try {
    return new URL(address, window.location.href).host;
  } catch {
    return address.slice(0, 80);
  }
}

/** Hosts that the text being sanitised names in images. */
let foreign = new Set<string>();

// An image is asked for as soon as it belongs to the page: its address must be gone before.
purifier.addHook("afterSanitizeAttributes", (node) => {
  const source = node.nodeName === "IMG" ? (node.getAttribute("src") ?? "") : "";
  if (!source || /^data:image\//i.test(source) || hostOf(source) === window.location.host) return;
  foreign.add(hostOf(source));
  node.removeAttribute("src");
});

/** Without handlers of events: taking them away is not enough for the page's policy, which notes
 * each one that the parser sees. */
function plain(html: string): string {
  return html.replace(/<[a-z][^>]*>/gi, (tag) =>
    tag.replace(/[\s/]on\w+\s*=\s*("[^"]*"|'[^']*'|[^\s>]*)/gi, ""),
  );
}

export function render(text: string): Rendered {
  const html = plain(marked.parse(text) as string);
  const blocked = new Set<string>();
  for (const found of html.matchAll(/<iframe\b[^>]*?\bsrc\s*=\s*["']?([^"'\s>]+)/gi))
    blocked.add(hostOf(found[1]!));
  foreign = blocked;
  const fragment = purifier.sanitize(html, RULES) as unknown as DocumentFragment;
  for (const link of fragment.querySelectorAll("a[href]")) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer nofollow");
  }
  for (const image of fragment.querySelectorAll("img:not([src])"))
    image.replaceWith(document.createTextNode(image.getAttribute("alt") ?? ""));
  return { fragment, blocked: [...blocked] };
}
