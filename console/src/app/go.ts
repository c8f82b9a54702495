// Goes to an address of the console that is made at run time.
import { useRouter } from "@tanstack/react-router";

/** `to`: a path below the console with its search parameters; the workspace stays. */
export function useGo(): (to: string, replace?: boolean) => void {
  const router = useRouter();
  return (to, replace = false) => {
    const url = new URL(to, "http://console");
    const place = new URLSearchParams(window.location.search).get("ws");
    if (place && !url.searchParams.has("ws")) url.searchParams.set("ws", place);
    const path = `${router.basepath.replace(/\/$/, "")}${url.pathname}${url.search}${url.hash}`;
    if (replace) router.history.replace(path);
    else router.history.push(path);
  };
}
