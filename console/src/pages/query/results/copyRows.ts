// Rows of the grid into the clipboard or a file.
import { dropTask, endTask, startTask } from "@/app/tasks";
import { sourcesOf } from "@/editor/scope";
import type { Format } from "@/live/useLive";
import { grid } from "@/text/grid";
import { copyText } from "@/ui/Copy";
import { bytes } from "@/ui/format";
import type { GridModel } from "@/ui/GridModel";
import { notify } from "@/ui/Toast";

/** More text than this makes a browser stand still while it is pasted. */
const CLIPBOARD_MAX = 32 << 20;

/** What takes no longer needs no place among the tasks. */
const NOTICED_MS = 1_000;

export interface Selection {
  from: number;
  to: number;
}

/** The stream that a statement reads first, "" where it has no name. */
const streamOf = (sql: string): string => sourcesOf(sql).find((one) => one.name)?.name ?? "rows";

/** Copies the selected rows, or all that are shown; a live view is frozen for it. */
export async function copyRows(
  model: GridModel,
  selection: Selection | null,
  format: Format,
  sql: string,
): Promise<void> {
  try {
    const frozen = await model.freeze();
    const { from, to } = selection ?? { from: 0, to: model.state().total };
    const blob = await frozen.text(format, from, to, format === "sql" ? streamOf(sql) : "");
    if (blob.size > CLIPBOARD_MAX) throw new Error(grid.tooMuch);
    await copyText(await blob.text());
    notify(grid.copied(to - from), "good");
  } catch (error) {
    notify((error as Error).message, "bad");
  }
}

/** Saves all rows that are shown, cells whole. */
export async function downloadRows(model: GridModel, format: Format, sql: string): Promise<void> {
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  const file = `${streamOf(sql)}-${time}.${format}`;
  const task = `download ${file}`;
  const began = performance.now();
  startTask({ id: task, title: file, detail: () => grid.downloading });
  try {
    const frozen = await model.freeze();
    const blob = await frozen.text(format, 0, Number.MAX_SAFE_INTEGER, streamOf(sql));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    if (performance.now() - began < NOTICED_MS) dropTask(task);
    else endTask(task, "done", bytes(blob.size));
  } catch (error) {
    endTask(task, "failed", (error as Error).message);
    notify((error as Error).message, "bad");
  }
}
