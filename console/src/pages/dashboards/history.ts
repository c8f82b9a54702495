// States that can be gone back to: undo and redo of a dashboard's edit.
export interface History<T> {
  past: T[];
  now: T;
  future: T[];
}

// Enough for a session of editing; one state shares most of the one before.
const STEPS_MAX = 100;

export function begin<T>(now: T): History<T> {
  return { past: [], now, future: [] };
}

export function push<T>(history: History<T>, now: T): History<T> {
  if (now === history.now) return history;
  return { past: [...history.past, history.now].slice(-STEPS_MAX), now, future: [] };
}

export function undo<T>(history: History<T>): History<T> {
  const last = history.past.at(-1);
  if (last === undefined) return history;
  return { past: history.past.slice(0, -1), now: last, future: [history.now, ...history.future] };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.now], now: next, future };
}
