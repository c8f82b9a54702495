// The bar above all pages: name, workspace, search, health, running queries, tasks, user.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  CircleCheck,
  CircleX,
  LogOut,
  Monitor,
  Moon,
  Rows3,
  Search,
  Sun,
  UserRound,
} from "lucide-react";
import type { ReactNode } from "react";
import { call } from "@/api/client";
import { useMay, useSession, useSignOut } from "@/api/session";
import type { Query } from "@/api/types";
import { app } from "@/text/app";
import { Button } from "@/ui/Button";
import { Menu } from "@/ui/Menu";
import { Tip } from "@/ui/Tip";
import { openPalette } from "./palette";
import { Tasks } from "./Tasks";
import { setLook, type Theme, useLook } from "./theme";
import { WorkspaceMenu } from "./WorkspaceMenu";

const REFRESH_MS = 10_000;
// A server that is down is looked for more often, to say soon that it is back.
const DOWN_MS = 3_000;

export function TopBar({ menu }: { menu: ReactNode }) {
  return (
    <header className="flex h-11 shrink-0 items-center gap-2 border-b border-line bg-surface px-2">
      {menu}
      <Link to="/" className="flex min-h-6 items-center gap-2 px-1 font-semibold">
        <img src="./favicon.svg" alt="" width={20} height={20} />
        <span className="hidden sm:inline">{app.name}</span>
      </Link>
      <WorkspaceMenu />
      <Button
        icon={Search}
        className="ml-auto max-w-72 flex-1 justify-start text-muted"
        aria-label={`${app.palette} Ctrl K`}
        onClick={openPalette}
      >
        <span className="hidden flex-1 text-left sm:inline">{app.palette}</span>
        <kbd className="hidden text-xs sm:inline">Ctrl K</kbd>
      </Button>
      <Health />
      <Running />
      <Tasks />
      <UserMenu />
    </header>
  );
}

function Health() {
  const { data, isError } = useQuery({
    queryKey: ["readyz"],
    queryFn: () => call<unknown>("readyz", { absolute: true, quiet: true }).then(() => true),
    refetchInterval: (query) => (query.state.error ? DOWN_MS : REFRESH_MS),
    retry: false,
  });
  const good = data === true && !isError;
  const Icon = good ? CircleCheck : CircleX;
  const text = good ? app.healthy : app.unhealthy;
  if (data === undefined && !isError) return null;
  return (
    <Tip text={text}>
      <span role="img" aria-label={text} className={good ? "text-good" : "text-bad"}>
        <Icon aria-hidden size={16} />
      </span>
    </Tip>
  );
}

function Running() {
  const may = useMay();
  const { data } = useQuery({
    queryKey: ["queries"],
    queryFn: () => call<Query[]>("queries"),
    refetchInterval: REFRESH_MS,
    enabled: may("read:query"),
  });
  const running = data?.filter((query) => query.status === "running").length ?? 0;
  if (!running) return null;
  return (
    <Tip text={app.runningQueries(running)}>
      <Link
        to="/query/history"
        search={{ status: "running" }}
        aria-label={app.runningQueries(running)}
        className="inline-flex min-h-7 items-center rounded-md px-1 text-xs text-muted tabular-nums hover:bg-accent-soft"
      >
        <span className="max-sm:hidden">{app.runningShort(running)}</span>
        <span aria-hidden className="sm:hidden">
          {running} ▸
        </span>
      </Link>
    </Tip>
  );
}

function UserMenu() {
  const { username, role } = useSession();
  const signOut = useSignOut();
  const look = useLook();
  const theme = (value: Theme, icon: typeof Sun, apart = false) => ({
    label: app.theme[value],
    icon,
    apart,
    checked: look.theme === value,
    onSelect: () => setLook({ theme: value }),
  });
  const comfortable = look.density === "comfortable";
  return (
    <Menu
      trigger={
        <Button look="quiet" icon={UserRound} aria-label={`${app.user}: ${username} (${role})`}>
          <span className="hidden max-w-32 truncate sm:inline">{username}</span>
        </Button>
      }
      items={[
        theme("light", Sun),
        theme("dark", Moon),
        theme("system", Monitor),
        {
          label: app.density.comfortable,
          icon: Rows3,
          apart: true,
          checked: comfortable,
          onSelect: () => setLook({ density: comfortable ? "dense" : "comfortable" }),
        },
        { label: app.signOut, icon: LogOut, apart: true, onSelect: () => void signOut() },
      ]}
    />
  );
}
