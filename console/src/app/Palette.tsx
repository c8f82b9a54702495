// The command palette: pages, objects of the workspace by name, commands.
import { useQueries } from "@tanstack/react-query";
import { Command } from "cmdk";
import { Copy, Keyboard, LogOut, SunMoon } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { call } from "@/api/client";
import { useMay, useSignOut } from "@/api/session";
import { palette } from "@/text/palette";
import { copyText } from "@/ui/Copy";
import { notify } from "@/ui/Toast";
import { useGo } from "./go";
import { PLACES } from "./nav";
import { OBJECTS } from "./objects";
import { setLook, useShownTheme } from "./theme";

// More of one kind do not help; a longer text narrows them.
const OBJECTS_MAX = 300;

interface Props {
  onClose: () => void;
  onKeys: () => void;
}

const ITEM =
  "flex min-h-8 cursor-pointer items-center gap-2 rounded px-2 text-[13px] data-[selected=true]:bg-accent-soft";
const GROUP =
  "[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted";

function Item({
  value,
  onSelect,
  children,
}: {
  value: string;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Command.Item value={value} onSelect={onSelect} className={ITEM}>
      {children}
    </Command.Item>
  );
}

export default function Palette({ onClose, onKeys }: Props) {
  const go = useGo();
  const may = useMay();
  const signOut = useSignOut();
  const theme = useShownTheme();
  const kinds = OBJECTS.filter((kind) => may(kind.needs));
  const found = useQueries({
    queries: kinds.map((kind) => ({
      queryKey: kind.queryKey,
      queryFn: () => call<unknown[]>(kind.path),
      staleTime: 15_000,
    })),
  });
  const then = (run: () => void) => () => {
    onClose();
    run();
  };
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-[#000]/45" />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed top-[10vh] left-1/2 z-40 w-[calc(100vw-1rem)] max-w-xl -translate-x-1/2 rounded-lg border border-line bg-raised shadow-2xl"
        >
          <Radix.Title className="sr-only">{palette.title}</Radix.Title>
          <Command label={palette.title} loop>
            <Command.Input
              autoFocus
              placeholder={palette.placeholder}
              className="w-full border-b border-line bg-transparent px-4 py-3 text-sm outline-none placeholder:text-muted"
            />
            <Command.List className="max-h-[60vh] overflow-auto p-1">
              <Command.Empty className="p-4 text-center text-muted">
                {palette.nothing}
              </Command.Empty>
              <Command.Group heading={palette.pages} className={GROUP}>
                {PLACES.filter((place) => !place.needs || may(place.needs)).map((place) => (
                  <Item
                    key={place.to}
                    value={`page ${place.label}`}
                    onSelect={then(() => go(place.to))}
                  >
                    <place.icon aria-hidden size={14} />
                    {place.label}
                  </Item>
                ))}
              </Command.Group>
              {kinds.map((kind, n) => {
                const names = (found[n]?.data ?? []).map(kind.name).slice(0, OBJECTS_MAX);
                if (!names.length) return null;
                return (
                  <Command.Group
                    key={kind.kind}
                    heading={palette.kinds[kind.kind]}
                    className={GROUP}
                  >
                    {names.map((object) => (
                      <Item
                        key={object.id}
                        value={`${kind.kind} ${object.name} ${object.id}`}
                        onSelect={then(() => go(kind.to(object)))}
                      >
                        <span className="truncate">{object.name}</span>
                      </Item>
                    ))}
                  </Command.Group>
                );
              })}
              <Command.Group heading={palette.commands} className={GROUP}>
                <Item
                  value="command theme"
                  onSelect={then(() => setLook({ theme: theme === "dark" ? "light" : "dark" }))}
                >
                  <SunMoon aria-hidden size={14} />
                  {palette.toggleTheme}
                </Item>
                <Item value="command keys" onSelect={onKeys}>
                  <Keyboard aria-hidden size={14} />
                  {palette.keys}
                </Item>
                <Item
                  value="command copy address link"
                  onSelect={then(() => {
                    copyText(window.location.href).catch((error: Error) =>
                      notify(error.message, "bad"),
                    );
                  })}
                >
                  <Copy aria-hidden size={14} />
                  {palette.copyAddress}
                </Item>
                <Item value="command sign out" onSelect={then(() => void signOut())}>
                  <LogOut aria-hidden size={14} />
                  {palette.signOut}
                </Item>
              </Command.Group>
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
