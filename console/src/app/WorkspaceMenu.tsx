// The workspace of this page, and the way to the user's others.
import { useQuery } from "@tanstack/react-query";
import { Boxes } from "lucide-react";
import { bootstrapQuery, useSession } from "@/api/session";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { Menu } from "@/ui/Menu";
import { Tip } from "@/ui/Tip";
import { ROOT } from "./place";

export function WorkspaceMenu() {
  const { workspace } = useSession();
  const { data } = useQuery(bootstrapQuery);
  const others = data?.workspaces ?? [];
  if (others.length < 2)
    return (
      <Tip text={`${app.workspace}: ${workspace}`}>
        <span className="hidden max-w-40 truncate rounded border border-line px-1.5 py-0.5 text-xs text-muted md:inline">
          {workspace}
        </span>
      </Tip>
    );
  // A new page: what was loaded of one workspace must not be shown in another.
  const go = (name: string) =>
    window.location.assign(`${ROOT}console/?ws=${encodeURIComponent(name)}`);
  return (
    <Menu
      align="start"
      trigger={
        <Button icon={Boxes} aria-label={`${app.workspace}: ${workspace}`}>
          <span className="hidden max-w-40 truncate md:inline">{workspace}</span>
        </Button>
      }
      items={others.map((name) => ({
        label: name,
        checked: name === workspace,
        onSelect: () => name !== workspace && go(name),
      }))}
    />
  );
}
