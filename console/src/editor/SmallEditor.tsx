// The SQL editor of forms: completion, colours and undo as on the query page; Tab leaves it.
import { closeCompletion, completionStatus } from "@codemirror/autocomplete";
import { EditorView, tooltips } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { Catalog } from "./catalog";
import { type FieldHost, fieldState, setCatalog } from "./setup";

export interface SmallProps extends FieldHost {
  text: string;
  catalog: Catalog | undefined;
  /** Attributes of what holds the text. */
  attributes: Record<string, string>;
  /** Lines that are seen without scrolling, at least. */
  lines: number;
  /** Called with how it takes the focus, and null at its end. */
  onFocusable: (focus: (() => void) | null) => void;
}

const LINES_MAX = 16;
const LINE_EM = 1.5;

export default function SmallEditor(props: SmallProps) {
  const { text, catalog, lines, attributes } = props;
  const { "aria-describedby": described, "aria-invalid": invalid } = attributes;
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  // Whether a change is ours, not that of somebody who types.
  const writes = useRef(false);
  // What the editor asks for later is that of the newest render.
  const now = useRef(props);
  now.current = props;
  // biome-ignore lint/correctness/useExhaustiveDependencies: one editor; its text is kept below
  useEffect(() => {
    const element = box.current!;
    const dialog = element.closest<HTMLElement>("[role=dialog]");
    const host = () => ({
      run: now.current.run,
      catalog: () => now.current.catalog,
      changed: (next: string) => !writes.current && now.current.changed(next),
    });
    const height = EditorView.theme({
      ".cm-scroller": {
        minHeight: `calc(${lines * LINE_EM}em + 12px)`,
        maxHeight: `calc(${LINES_MAX * LINE_EM}em + 12px)`,
        overflow: "auto",
      },
    });
    const made = new EditorView({
      parent: element,
      state: fieldState(text, host, [
        height,
        EditorView.contentAttributes.of(() => now.current.attributes),
        dialog ? tooltips({ parent: dialog }) : [],
      ]),
    });
    view.current = made;
    now.current.onFocusable(() => made.focus());
    // A dialog would take the key that closes the list of completions for one that closes itself.
    const onEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !made.hasFocus || !completionStatus(made.state)) return;
      closeCompletion(made);
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    window.addEventListener("keydown", onEscape, true);
    return () => {
      window.removeEventListener("keydown", onEscape, true);
      now.current.onFocusable(null);
      view.current = null;
      made.destroy();
    };
  }, []);
  useEffect(() => {
    const target = view.current;
    if (!target) return;
    const { doc } = target.state;
    const wanted = target.state.toText(text);
    if (wanted.eq(doc)) return;
    writes.current = true;
    target.dispatch({
      changes: { from: 0, to: doc.length, insert: wanted },
      selection: { anchor: wanted.length },
    });
    writes.current = false;
  }, [text]);
  // It looks at its attributes when something happens in it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the reason to look
  useEffect(() => view.current?.dispatch({}), [described, invalid]);
  useEffect(() => {
    if (view.current && catalog) setCatalog(view.current, catalog);
  }, [catalog]);
  return <div ref={box} />;
}
