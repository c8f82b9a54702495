// Tells the shell what the live connection learns of the server: lost, or there again.
type Listener = (there: boolean) => void;

const listeners = new Set<Listener>();
let last = true;

export function tellContact(there: boolean): void {
  if (there === last) return;
  last = there;
  for (const listener of [...listeners]) listener(there);
}

export function onContact(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
