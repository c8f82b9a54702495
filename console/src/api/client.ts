// Calls of the REST API with the session's cookie: JSON in and out, errors as ApiError.
import { apiPath, ROOT } from "@/app/place";

/** A refused or failed call; `status` 0 means that the server was not reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code = 0,
    readonly line?: number,
    readonly column?: number,
    readonly hint?: string,
    /** What the hint would write at that place. */
    readonly replacement?: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

interface Refusal {
  code?: number;
  message?: string;
  detail?: unknown;
  line?: number;
  column?: number;
  hint?: string;
  replacement?: string;
}

let csrf = "";
let whenSignedOut: () => Promise<void> = () => Promise.reject(new ApiError(401, "Signed out"));

/** Sent with each changing call; the server gives it with the session. */
export function setCsrf(token: string): void {
  csrf = token;
}

/** For the worker, whose event streams are changing calls too. */
export function csrfToken(): string {
  return csrf;
}

/** What is done when a call finds no session: it resolves when somebody has signed in again. */
export function onSignedOut(ask: () => Promise<void>): void {
  whenSignedOut = ask;
}

export type Query = Record<string, string | number | boolean | undefined | null>;

export interface Options {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  query?: Query;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** A path from the server's root instead of one below /api/v1beta2. */
  absolute?: boolean;
  /** 401 and 403 of a lost session are given back instead of asking to sign in. */
  quiet?: boolean;
}

function address(path: string, options: Options): string {
  const base = options.absolute ? ROOT + path.replace(/^\//, "") : apiPath(path);
  const words = Object.entries(options.query ?? {}).filter(
    (entry): entry is [string, string | number | boolean] =>
      entry[1] !== undefined && entry[1] !== null,
  );
  if (!words.length) return base;
  return `${base}?${new URLSearchParams(words.map(([k, v]) => [k, String(v)]))}`;
}

async function refused(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Refusal;
    const message = body.message ?? (typeof body.detail === "string" ? body.detail : text);
    const { code, line, column, hint, replacement } = body;
    return new ApiError(response.status, message, code, line, column, hint, replacement);
  } catch {
    return new ApiError(response.status, text || response.statusText);
  }
}

function sessionIsOver(error: ApiError): boolean {
  return (
    error.status === 401 ||
    (error.status === 403 && /session is unknown or over|CSRF/.test(error.message))
  );
}

/** The response of a call that went well; raises ApiError. */
export async function send(path: string, options: Options = {}): Promise<Response> {
  const method = options.method ?? (options.body === undefined ? "GET" : "POST");
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  let body: BodyInit | undefined;
  if (options.body instanceof Blob || typeof options.body === "string") body = options.body;
  else if (options.body !== undefined) {
    headers["Content-Type"] ??= "application/json";
    body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(address(path, options), {
      method,
      headers,
      body,
      signal: options.signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "The server cannot be reached.");
  }
  if (response.ok) return response;
  const error = await refused(response);
  if (!options.quiet && sessionIsOver(error)) {
    await whenSignedOut();
    return send(path, { ...options, quiet: true });
  }
  throw error;
}

/** The decoded body of a call; undefined for an answer without one. */
export async function call<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}
