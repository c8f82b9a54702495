// The editor's parts put together: history, brackets, search, completion, marks, keys.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentUnit } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { NONCE } from "@/app/place";
import { query } from "@/text/query";
import type { Catalog, CatalogObject } from "./catalog";
import type { Finding, Fix } from "./diagnostics";
import { sql } from "./language";
import { look } from "./look";
import { names } from "./names";
import { completions } from "./source";
import { typeOver } from "./typeOver";

/** What the page does for the editor; read anew at each use. */
export interface Host {
  catalog: () => Catalog | undefined;
  changed: (text: string) => void;
  run: () => void;
  runOnHistory: () => void;
  format: () => void;
  save: () => void;
  openObject: (object: CatalogObject) => void;
}

/** The same of a field of a form. */
export type FieldHost = Pick<Host, "changed" | "run">;

const language = new Compartment();

function keys(host: () => Host): Extension {
  const does = (what: (host: Host) => void) => () => {
    what(host());
    return true;
  };
  return Prec.highest(
    keymap.of([
      { key: "Mod-Enter", run: does((h) => h.run()), shift: does((h) => h.runOnHistory()) },
      { key: "Mod-Shift-f", run: does((h) => h.format()) },
      { key: "Mod-s", run: does((h) => h.save()) },
    ]),
  );
}

/** What all editors of SQL have. */
function common(host: () => FieldHost & Pick<Host, "catalog">): Extension {
  return [
    EditorView.cspNonce.of(NONCE),
    highlightSpecialChars(),
    highlightSelectionMatches(),
    drawSelection(),
    history(),
    bracketMatching(),
    closeBrackets(),
    indentUnit.of("  "),
    EditorView.lineWrapping,
    EditorState.allowMultipleSelections.of(true),
    EditorView.contentAttributes.of({ spellcheck: "false" }),
    typeOver,
    completions(() => host().catalog()),
    language.of(sql(host().catalog())),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) host().changed(update.state.doc.toString());
    }),
    look,
  ];
}

/** A new state for a text; each tab keeps its own, with its own undo. */
export function newState(text: string, host: () => Host): EditorState {
  return EditorState.create({
    doc: text,
    extensions: [
      keys(host),
      lineNumbers(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      EditorView.contentAttributes.of({ "aria-label": query.editor }),
      placeholder(query.placeholder),
      names(
        () => host().catalog(),
        (object) => host().openObject(object),
      ),
      common(host),
      keymap.of([
        ...searchKeymap,
        ...lintKeymap,
        // Tab indents; Escape first gives Tab back to the page, for those who use no mouse.
        indentWithTab,
      ]),
    ],
  });
}

/** The state of a field of a form, where Tab goes on to the next one, and the browser searches: panels
 * of the editor would be forms in a form. */
export function fieldState(
  text: string,
  host: () => FieldHost & Pick<Host, "catalog">,
  more: Extension,
): EditorState {
  const run = () => {
    host().run();
    return true;
  };
  return EditorState.create({
    doc: text,
    extensions: [Prec.highest(keymap.of([{ key: "Mod-Enter", run }])), more, common(host)],
  });
}

/** Colours by another catalog. */
export function setCatalog(view: EditorView, catalog: Catalog | undefined): void {
  view.dispatch({ effects: language.reconfigure(sql(catalog)) });
}

/** Underlines what was found; none takes the lines away. */
export function mark(view: EditorView, findings: Finding[]): void {
  const length = view.state.doc.length;
  const diagnostics = findings.map((one) => ({
    from: Math.min(one.from, length),
    to: Math.min(one.to, length),
    severity: "error" as const,
    message: one.message,
    actions: one.fixes.map((fix) => ({
      name: fix.label,
      apply: (target: EditorView) => applyFix(target, fix),
    })),
  }));
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

export function applyFix(view: EditorView, fix: Fix): void {
  view.dispatch({
    changes: { from: fix.from, to: fix.to, insert: fix.insert },
    selection: { anchor: fix.from + fix.insert.length },
    userEvent: "input.fix",
    scrollIntoView: true,
  });
  view.dispatch(setDiagnostics(view.state, []));
  view.focus();
}
