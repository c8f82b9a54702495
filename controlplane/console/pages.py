"""The console's pages below /console/: built files, the page itself, its policy of content."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler

from controlplane import problems
from controlplane.auth import new_session_token
from controlplane.console.bundle import HASHED, INDEX, Bundle, File
from controlplane.settings import Settings

ROOT: Final = "/console/"
FOREVER: Final = "public, max-age=31536000, immutable"
# The page carries a nonce, so that no cache may share it between readers.
ASK_ALWAYS: Final = "private, no-cache"
# What the page as built has where it lies, and the nonce that styles made by its script carry.
BASE: Final = b'<base href="/console/"'
NONCE: Final = b"__CSP_NONCE__"
# Nothing comes from elsewhere and nothing stands in the page itself. Styles: the editor and the
# dialogs make theirs by script, with the nonce of the page.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
    "manifest-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MISSING: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Tailrace</title>
<link rel="icon" href="data:,"></head>
<body><main><h1>The console is not built</h1>
<p>This server runs from a folder without the built files of the web console. Everything else works.
To build them, with Node.js 20.19 or newer and npm, run this in that folder and load this page
again; the server need not be restarted:</p>
<pre><code>make console</code></pre>
<p>A wheel of Tailrace has them inside.</p>
<p><a href="{root}/docs">Reference of the API</a></p></main></body></html>
"""


@get(["/console", "/console/first-run"], operation_id="getConsole", include_in_schema=False)
async def console(
    request: Request[Any, Any, Any], bundle: Given[Bundle], settings: Given[Settings]
) -> Response[bytes]:
    """The page; to its address without the slash at its end the one with it."""
    if request.scope["raw_path"] == b"/console":
        return Response(b"", status_code=307, headers={"Location": "console/"})
    return await _page(request, bundle, settings)


@get("/console/{path:path}", operation_id="getConsoleFile", include_in_schema=False)
async def console_file(
    request: Request[Any, Any, Any], bundle: Given[Bundle], settings: Given[Settings]
) -> Response[bytes]:
    """A file of the console; the page for every address that is none, for it has many views."""
    name = request.scope["path"].removeprefix(ROOT).strip("/")
    found = await bundle.file(name) if name != INDEX else None
    if found is not None:
        keep = FOREVER if name.startswith(HASHED) else "no-cache"
        return _answer(request, found, {"Cache-Control": keep})
    if name.startswith(HASHED):
        raise problems.Problem(404, problems.FRAMEWORK_MESSAGES[404])
    return await _page(request, bundle, settings)


async def _page(
    request: Request[Any, Any, Any], bundle: Bundle, settings: Settings
) -> Response[bytes]:
    """The page with this server's root path and a nonce of its own. To a browser that has it we say
    so without a policy: the one that it has names the nonce which its copy carries."""
    found = await bundle.index()
    if found is None:
        body = MISSING.format(root=escape(settings.root_path)).encode()
        headers = {**SAFE, "Content-Security-Policy": _policy(""), "Cache-Control": "no-store"}
        return Response(body, status_code=503, media_type="text/html", headers=headers)
    etag = _etag(found, settings.root_path)
    headers = {**SAFE, "Cache-Control": ASK_ALWAYS, "ETag": etag}
    if _has(request, etag):
        return Response(b"", status_code=304, headers=headers)
    nonce = new_session_token()
    base = f'<base href="{escape(settings.root_path)}{ROOT}"'
    body = found.body.replace(BASE, base.encode(), 1).replace(NONCE, nonce.encode())
    headers["Content-Security-Policy"] = _policy(nonce)
    return Response(body, media_type="text/html", headers=headers)


def _policy(nonce: str) -> str:
    policy = POLICY.format(nonce=nonce)
    return policy if nonce else policy.replace(" 'nonce-'", "")


def _etag(page: File, root_path: str) -> str:
    return page.etag if not root_path else f'{page.etag[:-1]}{root_path.replace("/", "-")}"'


def _answer(
    request: Request[Any, Any, Any], found: File, headers: dict[str, str]
) -> Response[bytes]:
    """The file in the best coding that the caller takes."""
    headers = {**SAFE, **headers, "ETag": found.etag}
    if found.packed:
        headers["Vary"] = "Accept-Encoding"
    if _has(request, found.etag):
        return Response(b"", status_code=304, headers=headers)
    taken = _codings(request.headers.get("accept-encoding", ""))
    for coding, packed in found.packed.items():
        if coding in taken:
            headers["Content-Encoding"] = coding
            return Response(packed, media_type=found.media_type, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


def _has(request: Request[Any, Any, Any], etag: str) -> bool:
    """Whether the caller has the file already."""
    known = request.headers.get("if-none-match", "")
    return etag in (one.strip() for one in known.split(","))


def _codings(header: str) -> frozenset[str]:
    """Names of Accept-Encoding without those that it refuses."""
    taken: set[str] = set()
    for one in header.lower().split(","):
        name, _, quality = one.partition(";")
        if quality.replace(" ", "").rstrip("0.") != "q=":
            taken.add(name.strip())
    return frozenset(taken)


PAGES: Final[list[HTTPRouteHandler]] = [console, console_file]
