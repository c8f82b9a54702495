// Where the server says that the console and its API lie, and the nonce of this page.

/** Path before `console/`: "/" or the root path of a proxy, with a slash at its end. */
export const ROOT: string = new URL(document.baseURI).pathname.replace(/console\/$/, "");

/** What styles made by script must carry to be let through by the policy of content. */
export const NONCE: string =
  document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";

/** The workspace of this page: the `ws` of its address; "" is the default one. */
export function workspace(): string {
  return new URLSearchParams(window.location.search).get("ws") ?? "";
}

/** Path of a call below /api/v1beta2 in the page's workspace. */
export function apiPath(path: string, place: string = workspace()): string {
  const prefix = place ? `${encodeURIComponent(place)}/` : "";
  return `${ROOT}${prefix}api/v1beta2/${path.replace(/^\//, "")}`;
}

/** Address of the socket of the page's workspace. */
export function socketUrl(place: string = workspace()): string {
  const url = new URL(apiPath("ws", place), window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
