// Tags as people type them: words with commas between them.

/** Each tag once, without space around it. */
export function tagsOf(text: string): string[] {
  const words = text.split(",").map((one) => one.trim());
  return [...new Set(words.filter(Boolean))];
}
