// Who is signed in, and what that allows: read once, kept by TanStack Query.
import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { ROOT } from "@/app/place";
import { call, setCsrf } from "./client";
import type { Schemas, Session } from "./types";

export type Bootstrap = Schemas["BootstrapResponse"];

export const bootstrapQuery = queryOptions({
  queryKey: ["bootstrap"],
  queryFn: () => call<Bootstrap>("console/bootstrap", { absolute: true, quiet: true }),
  staleTime: 60_000,
});

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ client }): Promise<Session | null> => {
    // Whoever is not signed in is not asked twice: a refused call stands in the browser's log.
    const { signed_in } = await client.fetchQuery({ ...bootstrapQuery, staleTime: 1_000 });
    if (!signed_in) return null;
    const session = await call<Session>("auth/session", { quiet: true });
    setCsrf(session.csrf_token);
    return session;
  },
  staleTime: Number.POSITIVE_INFINITY,
  retry: 1,
});

/** The signed-in user; only for pages below the shell, which is shown to signed-in users only. */
export function useSession(): Session {
  const { data } = useQuery(sessionQuery);
  if (!data) throw new Error("nobody is signed in");
  return data;
}

/** Whether the caller may do what a permission such as `write:stream` allows; `define:stream` is
 * the right to make, change and delete streams. */
export function useMay(): (permission: string) => boolean {
  const { data } = useQuery(sessionQuery);
  return (permission) => may(data ?? null, permission);
}

// A writer's `write:stream` is for rows: streams themselves are made and deleted by admins.
const DEFINE = "define:";

export function may(session: Session | null, permission: string): boolean {
  if (permission.startsWith(DEFINE))
    return session?.role === "admin" && may(session, `write:${permission.slice(DEFINE.length)}`);
  const [verb] = permission.split(":");
  return !!session?.permissions.some((one) => one === permission || one === `${verb}:*`);
}

interface Made {
  created_by: { name?: string };
}

/** Whether the caller may change what somebody made: its maker may, and an admin. */
export function useMayChange(permission: string): (object: Made) => boolean {
  const { data } = useQuery(sessionQuery);
  if (!may(data ?? null, permission)) return () => false;
  return ({ created_by }) => data?.role === "admin" || created_by.name === data?.username;
}

export function useSignIn(): (name: string, password: string) => Promise<void> {
  const client = useQueryClient();
  return async (username, password) => {
    const session = await call<Session>("auth/login", {
      body: { username, password },
      quiet: true,
    });
    setCsrf(session.csrf_token);
    client.setQueryData(sessionQuery.queryKey, session);
  };
}

export function useSignOut(): () => Promise<void> {
  return async () => {
    await call("auth/logout", { body: {}, quiet: true });
    // A new page: nothing of the session stays in its memory, and its socket ends.
    window.location.assign(`${ROOT}console/login`);
  };
}
