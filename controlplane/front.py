"""The outermost ASGI application: workspace prefix, request ids, the hot path, then Litestar."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from controlplane.api.ingest import Hot, ingest
from controlplane.problems import FRAMEWORK_MESSAGES, Problem, render
from controlplane.request import bounded
from controlplane.scope import CHOSEN_KEY, DEFAULT_WORKSPACE, WORKSPACE_KEY
from controlplane.socket import SOCKET_PATH, Sockets
from controlplane.telemetry import request_id

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# /{workspace}/api/... ; a workspace cannot be called like a first part of our own addresses.
WORKSPACE_PATH: Final = re.compile(r"/([A-Za-z][A-Za-z0-9_-]{0,63})(/api(?:/.*)?)")
# /{workspace}/kronicle/... : a time-series API, whose own addresses follow.
SERIES_PATH: Final = re.compile(
    r"/([A-Za-z][A-Za-z0-9_-]{0,63})/(?:kronicle|timedb|opensynaptic)(/.*)"
)
INGEST_PATH: Final = re.compile(r"/api/v1beta2/streams/([^/]+)/ingest/?")
LOW_LEVEL_PATH: Final = re.compile(r"/(?:proton|timeplusd)/v1/ingest/streams/([^/]+)/?")
REQUEST_ID_PATTERN: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

NOTHING_HERE: Final = Problem(404, FRAMEWORK_MESSAGES[404])
TOO_MANY: Final = Problem(429, "Too many requests at once; raise requests_max or wait.")
UPGRADE: Final = Problem(
    426, "This address is a WebSocket's; ask for an upgrade.", {"Upgrade": "websocket"}
)
OK_HEADERS: Final = [(b"content-length", b"0")]


def as_compact(scope: Scope) -> Scope:
    """The request as the low-level addresses take it: one format, whatever is said about it."""
    headers = [header for header in scope["headers"] if header[0] != b"content-type"]
    return {**scope, "headers": headers, "query_string": b""}


class Front:
    """Routes by hand what must be fast and hands everything else to the framework."""

    def __init__(self, app: App, hot: Hot, sockets: Sockets) -> None:
        self._app = app
        self._hot = hot
        self._sockets = sockets
        self._numbers = itertools.count(1)
        self._active = 0
        self._prefix = hot.clock.uuid4()[:8]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the ASGI server."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._active >= self._hot.settings.requests_max:
            await self._refuse(scope["method"], self._identity(scope), TOO_MANY, send)
            return
        self._active += 1
        try:
            await self._route(scope, receive, send)
        finally:
            self._active -= 1

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._active >= self._hot.settings.requests_max:
            await self._sockets.refuse(TOO_MANY, send)
            return
        self._active += 1
        token = request_id.set(self._identity(scope))
        try:
            path = self._below_root(scope["path"])
            found = WORKSPACE_PATH.fullmatch(path)
            workspace, path = found.groups() if found is not None else (DEFAULT_WORKSPACE, path)
            if path == SOCKET_PATH:
                scope[WORKSPACE_KEY] = workspace
                await self._sockets(scope, receive, send)
            else:
                await self._sockets.refuse(NOTHING_HERE, send)
        finally:
            request_id.reset(token)
            self._active -= 1

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._below_root(scope["path"])
        workspace = DEFAULT_WORKSPACE
        found = WORKSPACE_PATH.fullmatch(path) or SERIES_PATH.fullmatch(path)
        if found is not None:
            workspace, path = found.groups()
        hot = INGEST_PATH.fullmatch(path)
        if hot is not None:
            await self._ingest(workspace, hot[1], scope, receive, send)
            return
        low = LOW_LEVEL_PATH.fullmatch(path)
        if low is not None:
            await self._ingest(workspace, low[1], as_compact(scope), receive, send)
            return
        if path == SOCKET_PATH:
            await self._refuse(scope["method"], self._identity(scope), UPGRADE, send)
            return
        scope["path"] = path
        scope["raw_path"] = path.encode()
        scope[WORKSPACE_KEY] = workspace
        scope[CHOSEN_KEY] = found is not None
        identity = self._identity(scope)
        token = request_id.set(identity)
        try:
            seconds = self._hot.settings.body_idle_seconds
            counted = self._counted(scope["method"], identity, send)
            await self._app(scope, bounded(receive, seconds), counted)
        finally:
            request_id.reset(token)

    def _below_root(self, path: str) -> str:
        """The path without the one at which a proxy shows this server, if it left that there."""
        root = self._hot.settings.root_path
        if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
            return path[len(root) :] or "/"
        return path

    def _identity(self, scope: Scope) -> str:
        """The caller's X-Request-Id if it is harmless, else the next of ours."""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and REQUEST_ID_PATTERN.fullmatch(value):
                return value.decode()
        return f"{self._prefix}-{next(self._numbers)}"

    def _counted(self, method: str, identity: str, send: Send) -> Send:
        async def counted(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._hot.counters.requests[method, message["status"]] += 1
                headers = [*message.get("headers", ()), (b"x-request-id", identity.encode())]
                message = {**message, "headers": headers}
            await send(message)

        return counted

    async def _ingest(
        self, workspace: str, stream: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        method: str = scope["method"]
        try:
            if method != "POST":
                raise Problem(405, "Rows are sent by POST.", {"Allow": "POST"})
            await ingest(self._hot, workspace, stream, scope, receive)
        except ConnectionResetError:
            return
        except Exception as error:  # noqa: BLE001  the last frame: all becomes a body
            await self._refuse(method, self._identity(scope), error, send)
            return
        self._hot.counters.requests["POST", 200] += 1
        await send({"type": "http.response.start", "status": 200, "headers": OK_HEADERS})
        await send({"type": "http.response.body", "body": b""})

    async def _refuse(self, method: str, identity: str, error: Exception, send: Send) -> None:
        token = request_id.set(identity)
        try:
            rendered = render(error)
        finally:
            request_id.reset(token)
        self._hot.counters.requests[method, rendered.status] += 1
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(rendered.body)).encode()),
            (b"x-request-id", identity.encode()),
        ]
        headers += [(k.lower().encode(), v.encode()) for k, v in rendered.headers.items()]
        start = {"type": "http.response.start", "status": rendered.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": rendered.body})
