"""A wake-up of one waiting task: lighter than an event, for what happens once per result frame."""

from __future__ import annotations

import asyncio


class Wakeup:
    """Remembers that it was set until the next `wait`, which takes it; for one waiter, one loop.

    A waiter looks again at what it waits for after each `wait`: several calls of `set` in between
    wake it once.
    """

    __slots__ = ("_loop", "_set", "_waiter")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake the waiter, now or when it comes. On the loop only."""
        self._set = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait(self) -> None:
        """Return when it was set since the last call."""
        if not self._set:
            self._waiter = self._loop.create_future()
            await self._waiter
        self._set = False
