// What statements can name: the catalog of the workspace, as the editor and the tree use it.
import type { Schemas } from "@/api/types";

export type Catalog = Schemas["Catalog"];
export type CatalogObject = Schemas["CatalogObject"];
export type CatalogColumn = Schemas["CatalogColumn"];
export type Vocabulary = Schemas["Vocabulary"];

export const EVENT_TIME = "_tp_time";
const WITH_EVENT_TIME = new Set(["stream", "random_stream", "materialized_view"]);

/** Whether rows of the object carry the time at which they happened. */
export function hasEventTime(object: CatalogObject): boolean {
  return (
    WITH_EVENT_TIME.has(object.kind) || object.columns.some((column) => column.name === EVENT_TIME)
  );
}

/** A name that the server gave, such as that of a stream of dead letters. */
export function isInternal({ name }: CatalogObject): boolean {
  return name.startsWith("_");
}

export function isNumber(type: string): boolean {
  return /^(nullable\(|low_cardinality\()*(u?int\d*|float|double|decimal)/.test(type);
}

export function isText(type: string): boolean {
  return /^(nullable\(|low_cardinality\()*(string|fixed_string|enum)/.test(type);
}

export function isTime(type: string): boolean {
  return /^(nullable\()*(datetime|date)/.test(type);
}
