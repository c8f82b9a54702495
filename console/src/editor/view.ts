// The one editor on screen, for what stands around it: catalog tree, tool bar, quick fixes.
import type { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";

/** Texts with their undo, by tab; they outlive the page. */
export const states = new Map<string, EditorState>();

let current: EditorView | null = null;

export function setCurrent(view: EditorView | null): void {
  current = view;
}

export function currentView(): EditorView | null {
  return current;
}

export function focusEditor(): void {
  current?.focus();
}

/** Whether a dialog has the focus, or in the whole page a field. */
export function isTypedIn(where: "dialog" | "page"): boolean {
  const inDialog = "[role=dialog], [role=alertdialog]";
  const wanted = where === "dialog" ? inDialog : `${inDialog}, input, textarea, select`;
  return !!document.activeElement?.closest(wanted);
}

/** Where the cursor is, and the marked text if there is any. */
export function selection(): { at: number; from: number; to: number } {
  const main = current?.state.selection.main;
  return main ? { at: main.head, from: main.from, to: main.to } : { at: 0, from: 0, to: 0 };
}

/** Writes at the cursor, apart from the word before it. */
export function insertText(text: string): void {
  if (!current) return;
  const { from, to } = current.state.selection.main;
  const before = current.state.sliceDoc(Math.max(0, from - 1), from);
  const after = current.state.sliceDoc(to, to + 1);
  const left = before && /[\w`')]/.test(before) ? " " : "";
  const right = after && /[\w`'(]/.test(after) ? " " : "";
  const insert = left + text + right;
  current.dispatch({
    changes: { from, to, insert },
    selection: { anchor: from + left.length + text.length },
    userEvent: "input",
    scrollIntoView: true,
  });
  current.focus();
}

/** Replaces a part of the text as one step of undo. */
export function replaceText(from: number, to: number, insert: string): void {
  current?.dispatch({ changes: { from, to, insert }, userEvent: "input.format" });
}

export function goTo(at: number): void {
  if (!current) return;
  const anchor = Math.min(at, current.state.doc.length);
  current.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor) });
  current.focus();
}
