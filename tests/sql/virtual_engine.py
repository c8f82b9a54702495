"""The real engine in virtual time: nothing runs but when told, so fixtures need no sleeps."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from engine.clock import ManualClock
from engine.local import LocalEngine
from engine.protocol import Caller, QueryEnd, QueryRequest, RunningQuery
from engine.workers import WorkerPool

ME = Caller("u1", "alice")
# Steps and turns of the loop after which everything must be at rest.
_STEPS_MAX = 10_000
_TURNS = 12


class SharedPool:
    """One pool of workers for many engines: starting a worker takes longer than a fixture."""

    def __init__(self, pool: WorkerPool) -> None:
        self.run = pool.run
        self.call_with = pool.call_with

    async def start(self) -> None:
        """It runs already."""

    async def close(self) -> None:
        """Others use it."""


class VirtualEngine(LocalEngine):
    """An engine whose flow has no thread; its clock must be a ManualClock."""

    def _begin(self) -> None:
        self._catalog.save()

    async def settle(self) -> None:
        """Run until nothing waits at this instant, and readers have what came."""
        for _ in range(_STEPS_MAX):
            if not self.step_flow() and not await self._kept_settle():
                break
        else:
            raise AssertionError("the flow does not come to rest")
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def step_flow(self) -> bool:
        """Run what waits at this instant, once; whether there is more to do. A view that is being
        started by another thread is not touched meanwhile."""
        with self._flow._direct:
            return self._flow.step()

    async def _kept_settle(self) -> bool:
        calling = self.calls.busy
        views, subscriptions = await self._views.settle(), await self._subscriptions.settle()
        if calling:
            await asyncio.sleep(0.001)  # for the answers of other processes
            return True
        return views or subscriptions

    async def wait(self, milliseconds: int) -> None:
        """Let time pass; timers run one after the other at their own instants."""
        clock = self._clock
        assert isinstance(clock, ManualClock)
        end = clock.now_ms() + milliseconds
        await self.settle()
        while (due := self._flow.next_timer_ms()) is not None and due <= end:
            clock.advance(max(0, due - clock.now_ms()))
            await self.settle()
        clock.advance(end - clock.now_ms())
        await self.settle()

    def seal(self) -> None:
        """Move all rows that are in memory into history files."""
        self._storage.seal_now()

    async def statement(self, sql: str) -> Reader:
        """Start a statement; raises what it is refused with."""
        request = QueryRequest(id=self._clock.uuid4(), sql=sql, caller=ME)
        return Reader(await self.run(request), self)


class Reader:
    """Takes all items of a query as they come."""

    def __init__(self, query: RunningQuery, engine: VirtualEngine) -> None:
        self._engine = engine
        self._count = 0
        self.opened = query.opened
        self.end: QueryEnd | None = None
        self._query = query
        self._rows: list[list[Any]] = []
        self._task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        async for item in self._query.items():
            if isinstance(item, QueryEnd):
                self.end = item
            else:
                self._rows += json.loads(item.payload)
                self._count += item.count

    async def finished(self) -> None:
        """Wait for the end."""
        await asyncio.wait_for(self._task, 30)

    def rows(self) -> list[list[Any]]:
        """The rows since the last call."""
        found, self._rows = self._rows, []
        return found

    async def close(self) -> None:
        """Stop the query."""
        if self.opened.kept:
            await self._engine.delivered(self.opened.id, self._count)
        await self._query.cancel()
        await self.finished()
