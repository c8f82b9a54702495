// The pages of the objects that are nodes of the workspace's graph.
import { OBJECTS } from "./objects";

// Kinds of nodes that are shown on the page of another kind.
const SHOWN_AS: Record<string, string> = {
  random_stream: "stream",
  materialized_view: "view",
  udf: "function",
};

interface Node {
  /** `type:key`, as the graph names it. */
  id: string;
  type: string;
  name: string;
}

/** Path of a node's page, "" for kinds without one. */
export function pageOf({ id, type, name }: Node): string {
  const kind = OBJECTS.find((one) => one.kind === (SHOWN_AS[type] ?? type));
  return kind?.to({ id: id.slice(id.indexOf(":") + 1), name }) ?? "";
}
