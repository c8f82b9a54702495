// Ctrl+click on the name of a stream or view opens its panel; with Ctrl down such names are marked.
import { type Extension, type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import type { Catalog, CatalogObject } from "./catalog";
import { isName, nameOf, tokens } from "./scan";

const setMarks = StateEffect.define<DecorationSet>();
const MARK = Decoration.mark({ class: "cm-name" });

const marks = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(now, transaction) {
    let next = now.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(setMarks)) next = effect.value;
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function find(
  text: string,
  catalog: Catalog,
): { object: CatalogObject; from: number; to: number }[] {
  const byName = new Map(catalog.objects.map((one) => [one.name, one]));
  return tokens(text).flatMap((token) => {
    const object = isName(token) ? byName.get(nameOf(token)) : undefined;
    return object ? [{ object, from: token.from, to: token.to }] : [];
  });
}

export function names(
  catalog: () => Catalog | undefined,
  open: (object: CatalogObject) => void,
): Extension {
  const show = (view: EditorView, on: boolean) => {
    const known = catalog();
    const wanted = on && known ? find(view.state.doc.toString(), known) : [];
    view.dom.classList.toggle("cm-goes", on);
    const list: Range<Decoration>[] = wanted.map((one) => MARK.range(one.from, one.to));
    view.dispatch({ effects: setMarks.of(Decoration.set(list)) });
  };
  const isOn = (view: EditorView) => view.dom.classList.contains("cm-goes");
  return [
    marks,
    EditorView.domEventHandlers({
      keydown: (event, view) => {
        if ((event.key === "Control" || event.key === "Meta") && !isOn(view)) show(view, true);
        return false;
      },
      keyup: (event, view) => {
        if ((event.key === "Control" || event.key === "Meta") && isOn(view)) show(view, false);
        return false;
      },
      blur: (_, view) => {
        if (isOn(view)) show(view, false);
        return false;
      },
      mousedown: (event, view) => {
        if (!(event.ctrlKey || event.metaKey) || event.button !== 0) return false;
        const at = view.posAtCoords({ x: event.clientX, y: event.clientY });
        const known = catalog();
        if (at === null || !known) return false;
        const hit = find(view.state.doc.toString(), known).find(
          (one) => one.from <= at && at <= one.to,
        );
        if (!hit) return false;
        event.preventDefault();
        open(hit.object);
        return true;
      },
    }),
  ];
}
