// Names that the wizards suggest, from what is known of the connection.
import type { Values } from "@/forms/schema";
import { valueAt } from "@/forms/schema";

const LENGTH_MAX = 48;
// What tells most about the events, in this order.
const TELLING = ["template", "topic", "subject", "stream", "url"];

/** A text as a name: small letters, digits, underscores, a letter first. */
export function nameOf(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "");
  return plain.slice(0, LENGTH_MAX);
}

/** A name for the stream of a source. */
export function streamNameOf(type: string, properties: Values): string {
  for (const property of TELLING) {
    const value = valueAt(properties, property);
    const text = typeof value === "string" ? value.replace(/^\w+:\/\//, "") : "";
    const name = nameOf(text);
    if (name) return name;
  }
  return nameOf(type);
}

/** The name, or with the first number that makes it another's no more. */
export function freeName(wanted: string, others: string[]): string {
  if (!others.includes(wanted)) return wanted;
  for (let n = 2; ; n++) if (!others.includes(`${wanted}_${n}`)) return `${wanted}_${n}`;
}
