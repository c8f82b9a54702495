"""Runs one reader of an external stream: what it reads is stored with its position, at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from connectors.buffer import Append, Buffer
from connectors.contract import Source, SourceDefinition
from connectors.external import registry
from connectors.external.contract import OffsetExpired, ReadContext, Unreadable
from connectors.key_ring import KeyRing
from connectors.source_writer import SourceWriter, Stored
from connectors.supervised import Supervised
from connectors.surroundings import Surroundings
from engine.errors import NotFound, Overloaded, TailraceError
from engine.external_objects import ExternalState, Reader, SkipTo

# How long the keys that open secrets may take to be handed over.
KEYS_SECONDS: Final = 10.0

Report = Callable[[ExternalState], Awaitable[None]]


class ReaderRunner(Supervised):
    """Reads until it is stopped, or a bounded reader until its end; whatever fails is tried again,
    also when it is told as failed: the engine stops it.

    The engine lets an append wait while the query is behind: then the buffer is full, and nothing
    more is taken from the broker. A message that cannot be read is counted, and becomes a dead
    letter if the reader wants it.
    """

    def __init__(
        self, reader: Reader, surroundings: Surroundings, ring: KeyRing, report: Report
    ) -> None:
        super().__init__("reader", reader.owner, surroundings, None, None)
        self.reader = reader
        self._ring = ring
        self._report = report
        self._told = ExternalState(reader.owner)
        self._skip_to: SkipTo = reader.skip_to
        self._telling: asyncio.Task[None] | None = None
        self._writer = SourceWriter(
            SourceDefinition(
                reader.owner.partition(":")[2], "", reader.external.name, reader.external.type, ""
            ),
            self._clock,
            owner=reader.owner,
        )

    def _begun(self) -> str:
        return f"reads {self.reader.external.name}"

    async def _session(self) -> None:
        engine = await self._around.engine("")
        saved = await self._writer.open(engine)
        external = self.reader.external
        try:
            async with asyncio.timeout(KEYS_SECONDS):
                external = await registry.opened(external, self._ring)
        except TimeoutError:
            raise Unreadable("The keys that open its secrets are not here yet.") from None
        spec = registry.spec_of(external)
        if spec.reader is None:
            raise Unreadable(f"{external.name} is of type {external.type}, which is not read so.")
        context = ReadContext(
            self.reader.owner,
            self._clock,
            self._around.sleep,
            self.reader.start,
            self.reader.bounded,
            self._around.private,
            saved,
            self._skip_to,
        )
        source = spec.reader(external, context)
        try:
            await source.connect()
            await self._pump(source)
        finally:
            await source.close()

    async def _pump(self, source: Source) -> None:
        buffer = Buffer(self._around.limits)
        reader = asyncio.create_task(self._read(source, buffer))
        stop = asyncio.create_task(self._stopping.wait())
        stop.add_done_callback(lambda _: reader.cancel())
        try:
            while (append := await buffer.take()) is not None:
                if self._stopping.is_set():
                    return
                await self._append(append)
                await source.acknowledge([part.token for part in append.parts])
            with contextlib.suppress(asyncio.CancelledError):
                await reader  # raises what ended it
        finally:
            for task in (stop, reader):
                task.cancel()
            await asyncio.wait([stop, reader])
        if not self._stopping.is_set() and self.reader.bounded:
            await self._tell(msgspec.structs.replace(self._told, done=True, message=""))
            self._stopping.set()

    async def _read(self, source: Source, buffer: Buffer) -> None:
        try:
            async for batch in source.batches():
                await buffer.put(batch)
        finally:
            buffer.close()

    async def _append(self, append: Append) -> None:
        """Make it durable, however often that takes."""
        while True:
            try:
                engine = await self._around.engine("")
                stored = await self._writer.store(engine, append)
            except Overloaded:  # back-pressure is no failure
                await self._around.sleep(self._retry.next())
            else:
                self._retry.reset()
                await self._count(stored)
                return

    async def _count(self, stored: Stored) -> None:
        self._skip_to = ""  # it is stored where it goes on
        told = msgspec.structs.replace(self._told, placed=True, message="", failed=False)
        if stored.given_up:
            skipped = self._told.skipped + stored.given_up
            told = msgspec.structs.replace(told, skipped=skipped, why=stored.why)
        await self._tell(told)

    async def _tell(self, state: ExternalState) -> None:
        if state != self._told or state.failed:
            self._told = state
            await self._report(state)

    def _failed(self, error: Exception) -> None:
        super()._failed(error)
        if isinstance(error, NotFound):  # nobody wants it any more
            self._stopping.set()
            return
        final = (OffsetExpired, Unreadable) if self.reader.bounded else OffsetExpired
        failed = isinstance(error, final)
        message = self._message
        state = msgspec.structs.replace(self._told, message=message, failed=failed)
        self._telling = asyncio.create_task(self._tell_quietly(state))

    async def _tell_quietly(self, state: ExternalState) -> None:
        with contextlib.suppress(TailraceError):  # the engine is away: it asks again
            await self._tell(state)
