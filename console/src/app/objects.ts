// Kinds of objects that the palette finds by name, and the pages that show them.
export interface Found {
  id: string;
  name: string;
}

export interface Kind {
  kind: string;
  /** Below /api/v1beta2. */
  path: string;
  queryKey: string[];
  needs: string;
  name: (object: unknown) => Found;
  /** Path of the object's page. */
  to: (object: Found) => string;
}

function byName(object: unknown): Found {
  const { name } = object as { name: string };
  return { id: name, name };
}

function byId(object: unknown): Found {
  const { id, name } = object as { id: string; name?: string };
  return { id, name: name || id };
}

/** Each page that shows objects adds its kind here. */
export const OBJECTS: Kind[] = [
  {
    kind: "savedquery",
    path: "savedqueries",
    queryKey: ["savedqueries"],
    needs: "read:savedquery",
    name: byId,
    to: ({ id }) => `/saved/${encodeURIComponent(id)}`,
  },
  {
    kind: "stream",
    path: "streams",
    queryKey: ["streams"],
    needs: "read:stream",
    name: byName,
    to: ({ name }) => `/streams/${encodeURIComponent(name)}`,
  },
  {
    kind: "view",
    path: "views",
    queryKey: ["views"],
    needs: "read:view",
    name: byName,
    to: ({ name }) => `/views/${encodeURIComponent(name)}`,
  },
  {
    kind: "dashboard",
    path: "dashboards",
    queryKey: ["dashboards"],
    needs: "read:dashboard",
    name: byId,
    to: ({ id }) => `/dashboards/${encodeURIComponent(id)}`,
  },
  {
    kind: "alert",
    path: "alerts",
    queryKey: ["alerts"],
    needs: "read:alert",
    name: byId,
    to: ({ id }) => `/alerts/${encodeURIComponent(id)}`,
  },
  {
    kind: "source",
    path: "sources",
    queryKey: ["sources"],
    needs: "read:source",
    name: byId,
    to: ({ id }) => `/sources/${encodeURIComponent(id)}`,
  },
  {
    kind: "sink",
    path: "sinks",
    queryKey: ["sinks"],
    needs: "read:sink",
    name: byId,
    to: ({ id }) => `/sinks/${encodeURIComponent(id)}`,
  },
  {
    kind: "external_stream",
    path: "external_streams",
    queryKey: ["external_streams"],
    needs: "read:external",
    name: byName,
    to: ({ name }) => `/external/streams/${encodeURIComponent(name)}`,
  },
  {
    kind: "external_table",
    path: "external_tables",
    queryKey: ["external_tables"],
    needs: "read:external",
    name: byName,
    to: ({ name }) => `/external/tables/${encodeURIComponent(name)}`,
  },
  {
    kind: "function",
    path: "udfs",
    queryKey: ["udfs"],
    needs: "read:udf",
    name: byName,
    to: ({ name }) => `/functions/${encodeURIComponent(name)}`,
  },
  {
    kind: "schema",
    path: "schemas",
    queryKey: ["schemas"],
    needs: "read:schema",
    name: byName,
    to: ({ name }) => `/schemas/${encodeURIComponent(name)}`,
  },
];
