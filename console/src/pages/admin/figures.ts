// Reads the text that the server writes for Prometheus.
export interface Sample {
  name: string;
  value: string;
}

/** Its lines without the comments. */
export function samples(body: string): Sample[] {
  return body
    .split("\n")
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => {
      const at = line.lastIndexOf(" ");
      return { name: line.slice(0, at), value: line.slice(at + 1) };
    });
}

/** The value of a figure, its labels left aside; 0 when it is not there. */
export function figure(of: Sample[], name: string): number {
  const found = of.find((sample) => sample.name === name || sample.name.startsWith(`${name}{`));
  return found ? Number(found.value) : 0;
}
