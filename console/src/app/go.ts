// Goes to an address of the console that is made at run time.
import { useRouter } from "@tanstack/react-router";
import { workspace } from "./place";

/** Makes a path below the console an address of this server; the workspace stays. */
export function useAddress(): (to: string) => string {
  const router = useRouter();
  return (to) => {
    const url = new URL(to, "http://console");
    const place = workspace();
    if (place && !url.searchParams.has("ws")) url.searchParams.set("ws", place);
    return `${router.basepath.replace(/\/$/, "")}${url.pathname}${url.search}${url.hash}`;
  };
}

/** `to`: a path below the console with its search parameters; the workspace stays. */
export function useGo(): (to: string, replace?: boolean) => void {
  const router = useRouter();
  const address = useAddress();
  return (to, replace = false) => {
    const path = address(to);
    if (replace) router.history.replace(path);
    else router.history.push(path);
  };
}
