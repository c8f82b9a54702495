// Completion as CodeMirror wants it: our options in our order, with what they mean beside them.
import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { query } from "@/text/query";
import type { Catalog } from "./catalog";
import { complete, type Option } from "./completion";

function explained(option: Option): (() => Node) | undefined {
  const { info } = option;
  if (!info || (!info.summary && !info.signatures.length)) return undefined;
  return () => {
    const box = document.createElement("div");
    for (const signature of info.signatures) {
      const line = document.createElement("code");
      line.textContent = signature;
      box.append(line);
    }
    for (const text of [info.summary, info.example]) {
      if (!text) continue;
      const line = document.createElement("p");
      line.textContent = text;
      box.append(line);
    }
    return box;
  };
}

/** Writes a call with the cursor between its parentheses; those that are there stay. */
function writeCall(view: EditorView, option: Option, from: number, to: number): void {
  const there = view.state.sliceDoc(to, to + 1) === "(";
  const insert = there ? option.label : `${option.label}()`;
  view.dispatch({
    changes: { from, to, insert },
    selection: { anchor: from + option.label.length + 1 },
    userEvent: "input.complete",
    scrollIntoView: true,
  });
}

function asCompletion(option: Option): Completion {
  return {
    label: option.label,
    type: option.kind,
    detail: option.detail,
    info: explained(option),
    apply: option.call
      ? (view, _, from, to) => writeCall(view, option, from, to)
      : (option.insert ?? option.label),
  };
}

export function completions(catalog: () => Catalog | undefined): Extension {
  const source = (context: CompletionContext): CompletionResult | null => {
    const known = catalog();
    if (!known) return null;
    const text = context.state.doc.toString();
    const found = complete(text, context.pos, known, context.explicit);
    if (!found) return null;
    return { from: found.from, options: found.options.map(asCompletion), filter: false };
  };
  return autocompletion({
    override: [source],
    activateOnTyping: true,
    activateOnTypingDelay: 30,
    maxRenderedOptions: 100,
    icons: false,
    addToOptions: [
      {
        position: 20,
        render: (option) => {
          const kind = document.createElement("span");
          kind.className = "cm-option-kind";
          kind.textContent = query.kinds[option.type ?? ""] ?? "";
          return kind;
        },
      },
    ],
  });
}
