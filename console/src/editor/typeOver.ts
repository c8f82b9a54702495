// Typing over marked text. Left to the browser it writes colours of the old text into style
// attributes, which the policy of content forbids, and says so in its console each time.
import { EditorView } from "@codemirror/view";

export const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const text = event.data;
    if (event.inputType !== "insertText" || !text || event.isComposing) return false;
    const { state } = view;
    if (state.selection.main.empty || state.readOnly) return false;
    event.preventDefault();
    const { from, to } = state.selection.main;
    const plain = () => state.update(state.replaceSelection(text), { userEvent: "input.type" });
    // Those who take part in typing (brackets that close themselves) are asked first.
    if (state.facet(EditorView.inputHandler).some((one) => one(view, from, to, text, plain)))
      return true;
    view.dispatch(plain());
    return true;
  },
});
