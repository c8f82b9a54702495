"""Virtual time and an engine of lists, for tests of the connector process."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any

import msgspec

from engine.clock import ManualClock
from engine.errors import TailraceError
from engine.protocol import ColumnDef, Definition, IngestAck, IngestRequest, Snapshot


class VirtualTime:
    """A manual clock whose sleepers wake when the test moves time forward."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = ManualClock(seed=seed)
        self.sleeps: list[float] = []
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self.sleeps.append(seconds)
        self._count += 1
        due = self.clock.now_ms() + max(1, round(seconds * 1000))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, self._count, future))
        await future

    async def settle(self) -> None:
        """Let every task run until all of them wait."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def advance(self, milliseconds: int) -> None:
        """Move time forward, waking sleepers in order."""
        end = self.clock.now_ms() + milliseconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            self.clock.advance(max(0, due - self.clock.now_ms()))
            if not future.done():
                future.set_result(None)
            await self.settle()
        self.clock.advance(end - self.clock.now_ms())
        await self.settle()


class ListEngine:
    """Keeps appended bodies; `refuse` decides which appends raise what."""

    def __init__(self, columns: tuple[str, ...] = ("device", "number", "time")) -> None:
        self.columns = columns
        self.stream = "s"
        self.appends: list[bytes] = []
        self.requests: list[IngestRequest] = []
        self.refuse: Callable[[bytes], TailraceError | None] = lambda _body: None
        self.gate: asyncio.Event | None = None

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """Store or refuse."""
        if self.gate is not None:
            await self.gate.wait()
        error = self.refuse(body)
        if error is not None:
            raise error
        self.requests.append(request)
        self.appends.append(body)
        return IngestAck(1, len(self.appends))

    async def definitions(self) -> Snapshot:
        """One stream."""
        columns = tuple(ColumnDef(name, "string") for name in self.columns)
        return Snapshot(1, (Definition("1", self.stream, "stream", columns),))

    def rows(self) -> list[list[Any]]:
        """All rows of compact appends."""
        return [row for body in self.appends for row in msgspec.json.decode(body)["data"]]
