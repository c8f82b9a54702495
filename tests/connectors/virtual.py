"""Virtual time and an engine of lists, for tests of the connector process."""

from __future__ import annotations

import asyncio
import heapq
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from engine.clock import ManualClock
from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, TailraceError
from engine.protocol import ColumnDef, Definition, IngestAck, IngestRequest, Snapshot
from engine.source_appends import SourceAck, SourceAppend, SourceOpened


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


def _no_json(message: bytes) -> str:
    try:
        msgspec.json.Decoder().decode_lines(message)
    except msgspec.DecodeError as error:
        return str(error)
    return ""


def _no_text(message: bytes) -> str:
    try:
        message.decode()
    except UnicodeDecodeError as error:
        return str(error)
    return ""


class ListEngine:
    """Keeps appended bodies; `refuse` decides which appends raise what, `unfit` why a message of a
    source is refused."""

    def __init__(self, columns: tuple[str, ...] = ("device", "number", "time")) -> None:
        self.columns = columns
        self.stream = "s"
        self.appends: list[bytes] = []
        self.requests: list[IngestRequest] = []
        self.refuse: Callable[[bytes], TailraceError | None] = lambda _body: None
        self.unfit: Callable[[bytes], str] = lambda _message: ""
        self.gate: asyncio.Event | None = None
        self.number = 0
        self.epoch = 0
        self.records: dict[str, bytes] = {}
        self.messages: list[bytes] = []
        self.letters: list[DeadLetter] = []

    async def open_source(self, _owner: str) -> SourceOpened:
        """What is stored."""
        self.epoch += 1
        return SourceOpened(self.epoch, self.number, dict(self.records))

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        """Store or refuse, as the engine does."""
        if self.gate is not None:
            await self.gate.wait()
        error = self.refuse(body)
        if error is not None:
            raise error
        if request.epoch != self.epoch:
            raise EngineUnavailable("opened anew")
        if request.number <= self.number:
            return SourceAck()
        sizes = struct.unpack(f"<{len(request.sizes) // 4}I", request.sizes)
        at, found = 0, list[bytes]()
        for size in sizes:
            found.append(body[at : at + size])
            at += size + 1
        check = {"streaming": _no_json, "lines": _no_text}.get(request.format, self.unfit)
        refused = tuple(
            (at, why) for at, each in enumerate(found) if (why := check(each) or self.unfit(each))
        )
        if refused:
            return SourceAck(0, refused)
        self.number = request.number
        both = {**self.records, **request.saved}
        self.records = {key: value for key, value in both.items() if value}
        self.letters += request.letters
        self.messages += found
        if sizes:
            self.appends.append(body)
        return SourceAck(len(found))

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
