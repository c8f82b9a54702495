// How a file is written: JSON lines, JSON values one after another, or CSV with its details.
import Papa from "papaparse";

export type FormatKind = "jsonl" | "json" | "csv";

export interface Format {
  kind: FormatKind;
  delimiter: string;
  newline: "\n" | "\r\n" | "\r";
  /** The first row of a CSV has the names of the columns. */
  header: boolean;
}

export const DELIMITERS = [",", ";", "\t", "|"];
// Rows that a delimiter and a header are guessed from.
const GUESS_ROWS = 20;
// What stands as a value, and not as the name of a column.
const VALUE = /^([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|true|false|null|\d{4}[-/]\d\d?[-/]\d\d?.*)$/i;

const JSON_KIND: Omit<Format, "kind"> = { delimiter: ",", newline: "\n", header: false };

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Names that are there, differ, and look like no values. */
export function looksLikeHeader(cells: string[]): boolean {
  const names = cells.map((cell) => cell.trim());
  return (
    names.length > 0 &&
    new Set(names).size === names.length &&
    names.every((name) => name !== "" && name.length <= 128 && !VALUE.test(name))
  );
}

/** Guessed from the beginning of the text; its last line may be cut off. */
export function guessFormat(head: string): Format {
  const text = head.replace(/^\uFEFF/, "");
  const start = text.trimStart();
  if (/^\[\s*[{\]]/.test(start) || /^\[\s*$/.test(start)) return { kind: "json", ...JSON_KIND };
  if (start.startsWith("{")) {
    const [line = ""] = start.split("\n", 1);
    return { kind: isObject(line) ? "jsonl" : "json", ...JSON_KIND };
  }
  const { data, meta } = Papa.parse<string[]>(text, {
    preview: GUESS_ROWS,
    delimitersToGuess: DELIMITERS,
    skipEmptyLines: true,
  });
  const newline = meta.linebreak as Format["newline"];
  return {
    kind: "csv",
    delimiter: DELIMITERS.includes(meta.delimiter) ? meta.delimiter : ",",
    newline: ["\n", "\r\n", "\r"].includes(newline) ? newline : "\n",
    header: looksLikeHeader(data[0] ?? []),
  };
}
