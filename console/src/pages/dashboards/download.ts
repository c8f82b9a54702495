// Gives the reader a file: text of rows, a picture of a panel's canvases.
import { colour } from "@/app/theme";

export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A name that every system takes. */
export function fileName(title: string, ending: string): string {
  const plain = title.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "");
  return `${plain || "panel"}.${ending}`;
}

const TITLE_HEIGHT = 28;

/** The panel's canvases over each other, its title above; null when it has none. */
export async function picture(root: HTMLElement, title: string): Promise<Blob | null> {
  const layers = [...root.querySelectorAll("canvas")].filter((one) => one.width && one.height);
  if (!layers.length) return null;
  const box = root.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  const sheet = document.createElement("canvas");
  sheet.width = Math.round(box.width * scale);
  sheet.height = Math.round((box.height + TITLE_HEIGHT) * scale);
  const pen = sheet.getContext("2d")!;
  pen.scale(scale, scale);
  pen.fillStyle = colour("--surface");
  pen.fillRect(0, 0, box.width, box.height + TITLE_HEIGHT);
  pen.fillStyle = colour("--text");
  pen.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
  pen.fillText(title, 8, 19, box.width - 16);
  for (const layer of layers) {
    const at = layer.getBoundingClientRect();
    const [x, y] = [at.left - box.left, at.top - box.top + TITLE_HEIGHT];
    pen.drawImage(layer, x, y, at.width, at.height);
  }
  drawLegend(pen, root, box);
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

/** The names of lines, which stand beside the canvas in the page. */
function drawLegend(pen: CanvasRenderingContext2D, root: HTMLElement, box: DOMRect): void {
  const family = getComputedStyle(document.body).fontFamily;
  for (const item of root.querySelectorAll<HTMLElement>("[data-line]")) {
    const swatch = item.querySelector<HTMLElement>("[data-swatch]");
    const name = item.querySelector<HTMLElement>("[data-name]");
    if (!swatch || !name) continue;
    const [at, word] = [swatch.getBoundingClientRect(), name.getBoundingClientRect()];
    if (word.right > box.right) break;
    const y = at.top - box.top + TITLE_HEIGHT;
    pen.fillStyle = getComputedStyle(swatch).borderColor;
    pen.fillRect(at.left - box.left, y, at.width, at.height);
    pen.fillStyle = colour("--muted");
    pen.font = `12px ${family}`;
    pen.fillText(item.dataset.line ?? "", word.left - box.left, y + at.height, word.width);
  }
}
