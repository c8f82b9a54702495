"""The multiplexed WebSocket of the console: who may open it, and how it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from controlplane import problems
from controlplane.auth import Asking, Authenticator, Principal
from controlplane.problems import Problem, render
from controlplane.scope import DEFAULT_WORKSPACE, WORKSPACE_KEY, client_address
from controlplane.services.shared_query import Means
from controlplane.socket_session import Caller, Closing, SocketSession, Surroundings
from controlplane.telemetry import HttpCounters
from engine.clock import Clock
from engine.errors import TailraceError

SOCKET_PATH: Final = "/api/v1beta2/ws"
# Tabs of one user of a workspace; each may hold some MiB.
SOCKETS_PER_USER_MAX: Final = 50
# A client that does not read gets no close frame: then the connection is cut off.
CLOSE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 3.0

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Sockets:
    """An ASGI application for connections of type websocket."""

    def __init__(
        self, means: Means, authenticator: Authenticator, counters: HttpCounters, clock: Clock
    ) -> None:
        self._authenticator = authenticator
        self._counters = counters
        self._stopping = asyncio.Event()
        self._around = Surroundings(means, authenticator, counters, clock, self._stopping, set())
        self._open: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        await receive()  # websocket.connect
        try:
            caller = await self._caller(scope)
        except TailraceError as error:
            await self.refuse(error, send)
            return
        whose = (caller.principal.workspace_id, caller.principal.user_id)
        task = asyncio.current_task()
        assert task is not None
        self._open[whose] += 1
        self._tasks.add(task)
        self._counters.sockets_open += 1
        try:
            await self._serve(caller, receive, send)
        finally:
            self._counters.sockets_open -= 1
            self._tasks.discard(task)
            self._open[whose] -= 1
            if not self._open[whose]:
                del self._open[whose]

    async def _serve(self, caller: Caller, receive: Receive, send: Send) -> None:
        self._counters.requests["GET", 101] += 1
        await send({"type": "websocket.accept"})
        closing = await SocketSession(caller, self._around, receive, send).run()
        if closing is not None:
            await _close(closing, send)

    async def refuse(self, error: TailraceError, send: Send) -> None:
        """Answer as any other request is answered, instead of opening a socket."""
        rendered = render(error)
        self._counters.requests["GET", rendered.status] += 1
        headers = [(b"content-type", b"application/json")]
        headers += [(k.lower().encode(), v.encode()) for k, v in rendered.headers.items()]
        start = {"type": "websocket.http.response.start", "status": rendered.status}
        await send({**start, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": rendered.body})

    async def _caller(self, scope: Scope) -> Caller:
        """Who opens it. 401, 403 and 404 as of any request; 403 for pages of other sites."""
        if self._stopping.is_set():
            raise Problem(503, "The server is stopping.")
        headers = dict(scope["headers"])
        workspace = scope.get(WORKSPACE_KEY, DEFAULT_WORKSPACE)
        address = client_address(scope)
        principal = await self._authenticator.authenticate(
            Asking(headers, workspace, "GET", address)
        )
        _check_origin(principal, headers)
        if self._open[principal.workspace_id, principal.user_id] >= SOCKETS_PER_USER_MAX:
            raise Problem(429, f"A user has at most {SOCKETS_PER_USER_MAX} sockets; close some.")
        return Caller(principal, address)

    async def close(self) -> None:
        """No new ones; the open ones say good-bye. The queries have ended before."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)


def _check_origin(principal: Principal, headers: dict[bytes, bytes]) -> None:
    """403 for a page of another site that uses its visitor's cookie."""
    if not principal.session_id:
        return
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or urlsplit(origin).netloc != headers.get(b"host", b"").decode("latin-1"):
        raise problems.forbidden("Pages of another origin cannot open a socket here.")


async def _close(closing: Closing, send: Send) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})
    except (OSError, TimeoutError):
        return
