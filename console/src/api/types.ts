// Names for the structs of the API's own description.
import type { components } from "./schema";

export type Schemas = components["schemas"];
export type Session = Schemas["SessionResponse"];
export type Stream = Schemas["Stream"];
export type View = Schemas["View"];
export type Query = Schemas["Query"];
export type SavedQuery = Schemas["SavedQuery"];
export type Dashboard = Schemas["Dashboard"];
export type Panel = Schemas["Panel"];
export type Source = Schemas["Source"];
export type Sink = Schemas["Sink"];
export type Alert = Schemas["Alert"];
export type Column = Schemas["Column"];
