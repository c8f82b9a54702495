// Rows of the grid into the clipboard or a file.
import { sourcesOf } from "@/editor/scope";
import type { Format } from "@/live/useLive";
import { grid } from "@/text/grid";
import { copyText } from "@/ui/Copy";
import type { GridModel } from "@/ui/GridModel";
import { notify } from "@/ui/Toast";

/** More text than this makes a browser stand still while it is pasted. */
const CLIPBOARD_MAX = 32 << 20;

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
  try {
    const frozen = await model.freeze();
    const blob = await frozen.text(format, 0, Number.MAX_SAFE_INTEGER, streamOf(sql));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "");
    link.download = `${streamOf(sql)}-${time}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    notify((error as Error).message, "bad");
  }
}
