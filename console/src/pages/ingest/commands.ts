// Commands that send rows without this page.
import { apiPath } from "@/app/place";

const quote = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

export const fileCommand = (stream: string, file = "FILE"): string =>
  `tailrace ingest ${quote(file)} --stream ${stream || "STREAM"} --on-error skip --resume`;

export function httpCommand(stream: string): string {
  const path = apiPath(`streams/${encodeURIComponent(stream || "STREAM")}/ingest`);
  const url = new URL(path, window.location.href).href;
  return [
    `curl -sf ${url} \\`,
    "  -H 'X-Api-Key: KEY' -H 'Content-Type: application/x-ndjson' \\",
    "  --data-binary @FILE",
  ].join("\n");
}
