// Marks of application bundles in a file, such as `[[ .DB ]]`, which are filled in at installation.

const OPENS = /^(?:if|range|with)\b/;
const MARK = /\[\[-?\s*((?:(?!\]\]).)*?)\s*-?\]\]/g;
// Nested lists of JSON and SQL look alike: a mark begins with a name, a dot, a variable or a word.
const IS_MARK = /^(?:\.[A-Za-z_]|\$|(?:if|else|end|range|with|join|index|int|until|default)\b)/;
const NAME = /^\.([A-Za-z_][\w.]*)$/;

interface Found {
  /** What is asked for: the name of a plain mark, the whole text of any other. */
  name: string;
  at: number;
  end: number;
}

/** The marks of a text; a block such as `[[ range ... ]]...[[ end ]]` is one. */
function found(content: string): Found[] {
  const all: Found[] = [];
  let open: { at: number; depth: number } | null = null;
  for (const hit of content.matchAll(MARK)) {
    const words = hit[1]!;
    if (!IS_MARK.test(words)) continue;
    const end = hit.index + hit[0].length;
    if (open) {
      open.depth += OPENS.test(words) ? 1 : words === "end" ? -1 : 0;
      if (open.depth > 0) continue;
      all.push({ name: plain(content.slice(open.at, end)), at: open.at, end });
      open = null;
    } else if (OPENS.test(words)) open = { at: hit.index, depth: 1 };
    else all.push({ name: NAME.exec(words)?.[1] ?? plain(hit[0]), at: hit.index, end });
  }
  return all;
}

/** The text of a mark inside of JSON as it was before its quotes were escaped. */
const plain = (text: string) => text.replaceAll('\\"', '"');

/** Names of the marks in a file, plain ones first. */
export function marksOf(content: string): string[] {
  const names = [...new Set(found(content).map((one) => one.name))];
  const rank = (name: string) => (name.startsWith("[[") ? 1 : 0);
  return names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The file with its marks filled in; values are escaped as its JSON needs it. */
export function fillMarks(content: string, values: Record<string, string>): string {
  let text = "";
  let from = 0;
  for (const { name, at, end } of found(content)) {
    const value = values[name];
    text += content.slice(from, at);
    text += value === undefined ? content.slice(at, end) : JSON.stringify(value).slice(1, -1);
    from = end;
  }
  return text + content.slice(from);
}
