"""Calls to the engine that are answered in time, whatever it does and also by a stopping server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from controlplane.problems import Problem
from engine.errors import Code, UserError

STOPPING = "server stopping"


class Calls:
    """The calls that are under way. After `close` each of them, and each new one, ends with 503."""

    def __init__(self) -> None:
        self._scopes: set[asyncio.Timeout] = set()
        self._closing = False

    @asynccontextmanager
    async def within(self, seconds: float | None, late: str) -> AsyncGenerator[None]:
        """Cancel what runs inside after `seconds` (None: never): UserError 159, saying `late`."""
        if self._closing:
            raise Problem(Code.ENGINE_RESTARTED, STOPPING)
        try:
            async with asyncio.timeout(seconds) as scope:
                self._scopes.add(scope)
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if self._closing:
                raise Problem(Code.ENGINE_RESTARTED, STOPPING) from None
            raise UserError(late, Code.TIMEOUT) from None

    def close(self) -> None:
        """End all calls now, from the loop."""
        self._closing = True
        now = asyncio.get_running_loop().time()
        for scope in list(self._scopes):
            if not scope.expired():
                scope.reschedule(now)
