// What is shown when the page's workspace cannot be opened: why, and the user's workspaces.
import { useQuery } from "@tanstack/react-query";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { ApiError } from "@/api/client";
import { bootstrapQuery } from "@/api/session";
import { app } from "@/text/app";
import { Failure } from "@/ui/Failure";
import { ROOT, workspace } from "./place";

const NOT_FOUND = 404;

export function Elsewhere({ error, reset }: ErrorComponentProps) {
  const { data } = useQuery(bootstrapQuery);
  const lost = workspace() && error instanceof ApiError && error.status === NOT_FOUND;
  if (!lost) return <Failure error={error as Error} retry={reset} />;
  return (
    <main className="mx-auto max-w-xl p-4">
      <h1 className="text-base font-semibold">{app.noWorkspace(workspace())}</h1>
      <p className="mt-1 mb-3 text-muted">{app.noWorkspaceWhy}</p>
      <ul className="flex flex-wrap gap-2">
        {data?.workspaces.map((name) => (
          <li key={name}>
            <a
              href={`${ROOT}console/?ws=${encodeURIComponent(name)}`}
              className="inline-flex min-h-7 items-center rounded-md border border-edge/50 bg-surface px-2.5 font-medium text-accent hover:bg-accent-soft"
            >
              {name}
            </a>
          </li>
        ))}
      </ul>
    </main>
  );
}
