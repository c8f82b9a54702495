// The SQL editor as a component: one CodeMirror whose text is that of the active tab.
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { NONCE } from "@/app/place";
import type { Catalog } from "./catalog";
import type { Finding } from "./diagnostics";
import { type Host, mark, newState, setCatalog } from "./setup";
import { isTypedIn, setCurrent, states } from "./view";

interface Props {
  /** Each tab has its own text, selection and undo. */
  tab: string;
  text: string;
  host: Host;
  catalog: Catalog | undefined;
  finding: Finding | null;
}

// States of tabs live longer than this component: they reach the page through here.
let host: Host;

export default function Editor({ tab, text, host: now, catalog, finding }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const shown = useRef("");
  host = now;
  useEffect(() => {
    // The first editor makes the style element of all that follow: it has to know the nonce.
    const made = new EditorView({
      parent: box.current!,
      extensions: EditorView.cspNonce.of(NONCE),
    });
    view.current = made;
    setCurrent(made);
    return () => {
      if (shown.current) states.set(shown.current, made.state);
      shown.current = "";
      setCurrent(null);
      made.destroy();
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text changes by itself with typing
  useEffect(() => {
    const target = view.current;
    if (!target) return;
    if (shown.current === tab) {
      // Somebody else wrote into this tab (an example, a saved query).
      const doc = target.state.doc.toString();
      if (doc !== text)
        target.dispatch({
          changes: { from: 0, to: doc.length, insert: text },
          selection: { anchor: text.length },
        });
      return;
    }
    // It may come late, when somebody types elsewhere already.
    const mayTake = !isTypedIn(shown.current ? "dialog" : "page");
    if (shown.current) states.set(shown.current, target.state);
    shown.current = tab;
    const kept = states.get(tab);
    target.setState(kept?.doc.toString() === text ? kept : newState(text, () => host));
    setCatalog(target, catalog);
    if (mayTake) target.focus();
  }, [tab, text]);
  useEffect(() => {
    if (view.current && catalog) setCatalog(view.current, catalog);
  }, [catalog]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab has its own marks
  useEffect(() => {
    if (view.current) mark(view.current, finding ? [finding] : []);
  }, [finding, tab]);
  return <div ref={box} className="h-full min-h-0 overflow-hidden" />;
}
