// Work that goes on while other pages are shown: queries of the tabs, downloads, files being sent.
import { useSyncExternalStore } from "react";

export interface Task {
  id: string;
  title: string;
  state: "running" | "done" | "failed";
  /** How far it is; asked for when it is drawn. */
  detail: () => string;
  /** 0 to 1 where the end is known. */
  share?: () => number;
  /** Path of the console where its result is. */
  to?: string;
  cancel?: () => void;
  /** Unix ms. */
  began: number;
  ended: number;
}

export type NewTask = Omit<Task, "state" | "began" | "ended">;

// What is over stays in the list until somebody has seen it; older ones make room.
const OVER_MAX = 20;

let tasks: Task[] = [];
const readers = new Set<() => void>();

function set(now: Task[]): void {
  tasks = now;
  for (const reader of [...readers]) reader();
}

/** Begins a task, or begins the one of this id anew. */
export function startTask(task: NewTask): void {
  const others = tasks.filter((one) => one.id !== task.id);
  set([...others, { ...task, state: "running", began: Date.now(), ended: 0 }]);
}

/** It is over: it stays in the list, with what it came to. */
export function endTask(id: string, state: "done" | "failed", detail: string): void {
  const over = tasks.map((one) =>
    one.id === id ? { ...one, state, detail: () => detail, ended: Date.now() } : one,
  );
  const ended = over.filter((one) => one.state !== "running");
  const gone = new Set(ended.slice(0, Math.max(0, ended.length - OVER_MAX)));
  set(over.filter((one) => !gone.has(one)));
}

/** It is over and its result was seen, or nobody wants it. */
export function dropTask(id: string): void {
  if (tasks.some((one) => one.id === id)) set(tasks.filter((one) => one.id !== id));
}

export function dropEnded(): void {
  set(tasks.filter((one) => one.state === "running"));
}

export function tasksNow(): Task[] {
  return tasks;
}

export function useTasks(): Task[] {
  return useSyncExternalStore((reader) => {
    readers.add(reader);
    return () => readers.delete(reader);
  }, tasksNow);
}
