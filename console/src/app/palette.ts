// Opens the command palette from anywhere.
type Listener = () => void;

let listener: Listener | null = null;

/** The palette itself says how it is opened. */
export function onPalette(open: Listener): () => void {
  listener = open;
  return () => {
    listener = null;
  };
}

export function openPalette(): void {
  listener?.();
}
