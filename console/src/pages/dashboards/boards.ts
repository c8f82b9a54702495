// Calls for dashboards, and what is kept of their answers.
import { queryOptions, useQueryClient } from "@tanstack/react-query";
import { call } from "@/api/client";
import type { Dashboard } from "@/api/types";
import { type Board, bodyOf, parseBoard } from "./format";

export const boardsQuery = queryOptions({
  queryKey: ["dashboards"],
  queryFn: () => call<Dashboard[]>("dashboards"),
});

export const boardQuery = (id: string) =>
  queryOptions({
    queryKey: ["dashboards", id],
    queryFn: () => call<Dashboard>(`dashboards/${encodeURIComponent(id)}`),
  });

export function boardOf(dashboard: Dashboard): Board {
  const { name, description, panels } = dashboard;
  return parseBoard({ name, description, panels }, name);
}

/** Somebody saved since; `theirs` is what is there now. */
export class Conflict extends Error {
  constructor(readonly theirs: Dashboard) {
    super("conflict");
  }
}

export function useBoardCalls() {
  const client = useQueryClient();
  const keep = (dashboard: Dashboard) => {
    client.setQueryData(boardQuery(dashboard.id).queryKey, dashboard);
    void client.invalidateQueries({ queryKey: boardsQuery.queryKey, exact: true });
    return dashboard;
  };
  return {
    create: async (board: Board) =>
      keep(await call<Dashboard>("dashboards", { body: bodyOf(board) })),
    /** Replaces what was loaded; raises Conflict when something newer is there and `force` is not set. */
    save: async (loaded: Dashboard, board: Board, force = false) => {
      const path = `dashboards/${encodeURIComponent(loaded.id)}`;
      if (!force) {
        const theirs = await call<Dashboard>(path);
        if (theirs.last_updated_at !== loaded.last_updated_at) throw new Conflict(theirs);
      }
      return keep(await call<Dashboard>(path, { method: "PUT", body: bodyOf(board) }));
    },
    remove: async (ids: string[]) => {
      for (const id of ids) {
        await call(`dashboards/${encodeURIComponent(id)}`, { method: "DELETE" });
        client.removeQueries({ queryKey: boardQuery(id).queryKey });
      }
      await client.invalidateQueries({ queryKey: boardsQuery.queryKey, exact: true });
    },
  };
}
