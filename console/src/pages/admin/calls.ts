// Calls of the admin pages that several of them make.
import { queryOptions } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Schemas } from "@/api/types";

export type Permissions = Schemas["Permissions"];
export type Key = Schemas["APIKey"];

/** Groups of rights, and what each role may do; the same for as long as the server runs. */
export const permissionsQuery = queryOptions({
  queryKey: ["permissions"],
  queryFn: () => call<Permissions>("permissions"),
  staleTime: Number.POSITIVE_INFINITY,
});

export const keysQuery = queryOptions({
  queryKey: ["api_keys"],
  queryFn: () => call<Key[]>("auth/api_keys"),
});

/** How many definitions of each kind a workspace has. */
export const contentQuery = (workspace: string) =>
  queryOptions({
    queryKey: ["workspaces", workspace, "content"],
    queryFn: async () => {
      const path = `${encodeURIComponent(workspace)}/api/v1beta2/databases`;
      const [only] = await call<Schemas["Database"][]>(path, { absolute: true });
      return only?.count ?? {};
    },
    retry: false,
  });

/** Deletes what stands at these paths, one after the other. */
export async function removeAll(paths: string[]): Promise<void> {
  for (const path of paths) await call(path, { method: "DELETE" });
}
