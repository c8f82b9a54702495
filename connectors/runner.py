"""Supervises one source: reads it into a bounded buffer, appends durably, then acknowledges."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from connectors import properties, registry
from connectors.backoff import Backoff
from connectors.buffer import Append, Buffer, BufferLimits
from connectors.contract import Sleep, Source, SourceContext, SourceDefinition
from connectors.metrics import SourceCounters, SourceMetrics, SourceSample, SourceStats
from connectors.source_log import SourceLog
from connectors.status import SourceState, SourceStatus
from engine.clock import Clock
from engine.errors import (
    EngineUnavailable,
    NotFound,
    Overloaded,
    StorageFull,
    TailraceError,
    UserError,
)
from engine.protocol import IngestAck, IngestRequest, Snapshot

log = logging.getLogger("tailrace.connectors")

# A connection that lasted this long was healthy: the next failure waits from 0.5 s again.
HEALTHY_SECONDS: Final = 60.0
# The engine is a local process that is back within seconds: asking it often costs little.
ENGINE_RETRY_FIRST_SECONDS: Final = 0.1
ENGINE_RETRY_LAST_SECONDS: Final = 2.0
# How long a stop waits for batches that the engine does not take.
DRAIN_SECONDS: Final = 10.0


class Appender(Protocol):
    """The two methods of the Engine protocol that a source needs."""

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """See Engine.ingest."""
        ...

    async def definitions(self) -> Snapshot:
        """See Engine.definitions."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all runners of a process share. `engine` gives a workspace's engine or raises
    EngineUnavailable."""

    engine: Callable[[str], Awaitable[Appender]]
    clock: Clock
    sleep: Sleep = asyncio.sleep
    limits: BufferLimits = field(default_factory=BufferLimits)
    # Whether sources may connect to addresses that are not public.
    private: bool = False


class SourceRunner:
    """Runs one source until it is stopped; whatever fails is retried with back-off.

    A batch is acknowledged to the source only after the engine has made it durable, in order. A
    batch that the engine refuses for its content is dropped, counted and shown as the last error:
    one poisonous event never stops a source. Everything else is tried again.
    """

    def __init__(
        self,
        definition: SourceDefinition,
        surroundings: Surroundings,
        begin: SourceCounters | None = None,
        log_: SourceLog | None = None,
    ) -> None:
        self.definition = definition
        self._around = surroundings
        self._clock = surroundings.clock
        self._spec = registry.source(definition.type)
        self._config = properties.parse(self._spec.config, definition.properties)
        self._metrics = SourceMetrics(self._clock, begin)
        self.log = log_ or SourceLog(self._clock)
        self._reconnect = Backoff(self._clock.seed())
        self._retry = Backoff(
            self._clock.seed(), ENGINE_RETRY_FIRST_SECONDS, ENGINE_RETRY_LAST_SECONDS
        )
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._state: SourceState = "stopped"
        self._message = ""
        self._refusal = ""  # the last event that was dropped: it stays lost when others succeed
        self._start_ms = 0

    def start(self) -> None:
        """Begin to run; call once. Connecting goes on in the background."""
        self._start_ms = self._clock.now_ms()
        self._state = "running"
        self.log.add("INFO", f"started into stream {self.definition.stream}")
        self._task = asyncio.create_task(self._supervise(), name=f"source {self.definition.id}")

    async def stop(self) -> None:
        """Stop reading, store what was read (at most 10 s), end. Safe to call twice.

        Does not wait for rows whose stream does not exist.
        """
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=DRAIN_SECONDS)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._state != "stopped":
            self.log.add("INFO", "stopped")
        self._metrics.end()
        self._state = "stopped"
        self._message = self._refusal = ""

    def status(self) -> SourceStatus:
        """How it is now."""
        message = self._message or self._refusal
        return SourceStatus(self.definition.id, self._state, message, self._start_ms)

    def stats(self, range_ms: int, error_range_ms: int) -> SourceStats:
        """Its counters since the start."""
        return self._metrics.snapshot(range_ms, error_range_ms)

    def sample(self, since_minute: int) -> SourceSample:
        """Its counters as they are kept over a restart."""
        return self._metrics.sample(self.definition.id, since_minute)

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            begun = self._clock.monotonic()
            waiting = self._reconnect
            try:
                await self._session()
            except EngineUnavailable as error:
                self._failed(error)
                waiting = self._retry
            except Exception as error:  # noqa: BLE001 - a failure of one source only
                self._failed(error)
            if self._stopping.is_set():
                return
            if self._clock.monotonic() - begun >= HEALTHY_SECONDS:
                self._reconnect.reset()
            await self._pause(waiting.next())

    async def _session(self) -> None:
        """One life of the source, from connect to close."""
        engine = await self._around.engine(self.definition.workspace)
        context = SourceContext(
            self.definition.id,
            self._clock,
            self._around.sleep,
            await self._columns(engine),
            self._around.private,
        )
        source = self._spec.create(self._config, context)
        try:
            await source.connect()
            self.log.add("INFO", "connected")
            self._recovered()
            await self._pump(source)
        finally:
            await source.close()

    async def _columns(self, engine: Appender) -> tuple[str, ...]:
        name = self.definition.stream
        for definition in (await engine.definitions()).definitions:
            if definition.name == name:
                return tuple(c.name for c in definition.columns if c.kind == "default")
        raise NotFound(f"The stream {name!r} does not exist.")

    async def _pump(self, source: Source) -> None:
        """Move batches until the source ends or fails, or a stop: then what was read is stored."""
        buffer = Buffer(self._around.limits)
        reader = asyncio.create_task(self._read(source, buffer))
        stop = asyncio.create_task(self._stopping.wait())
        stop.add_done_callback(lambda _: reader.cancel())
        try:
            while (append := await buffer.take()) is not None:
                await self._append(append)
                await source.acknowledge([part.token for part in append.parts])
            with contextlib.suppress(asyncio.CancelledError):
                await reader  # raises what ended it
        finally:
            for task in (stop, reader):
                task.cancel()
            await asyncio.wait([stop, reader])
        if not self._stopping.is_set():
            raise UserError("The remote system ended the stream; connecting again.", 503, "orbit")

    async def _read(self, source: Source, buffer: Buffer) -> None:
        try:
            async for batch in source.batches():
                await buffer.put(batch)
                self._metrics.batch_received(batch.events)
        finally:
            buffer.close()

    async def _append(self, append: Append) -> None:
        """Make it durable, however often that takes, or drop what the engine refuses in it."""
        first = append.parts[0]
        request = IngestRequest(self.definition.stream, first.format, first.idempotency_id)
        while True:
            try:
                engine = await self._around.engine(self.definition.workspace)
                await engine.ingest(request, append.body)
            except Overloaded as error:  # back-pressure is no failure of the source
                self._metrics.failed(error.message)
                await self._around.sleep(self._retry.next())
            except NotFound as error:
                if self._stopping.is_set():  # nobody will create it: these rows cannot be stored
                    raise
                self._failed(error)
                await self._pause(self._retry.next())
            except (EngineUnavailable, StorageFull) as error:
                self._failed(error)
                await self._around.sleep(self._retry.next())
            except UserError as error:
                if len(append.parts) == 1:
                    self._metrics.failed(error.message)
                    self._metrics.batch_dropped(append.events)
                    self.log.add("WARN", f"dropped {append.events} events: {error.message}")
                    self._refusal = error.message
                    return
                for part in append.parts:  # only the part that is refused is lost
                    await self._append(Append(part.body, part.events, (part,)))
                return
            else:
                self._recovered()
                self._retry.reset()
                self._metrics.batch_sent(append.events, len(append.body), first.created)
                return

    async def _pause(self, seconds: float) -> None:
        stop = asyncio.ensure_future(self._stopping.wait())
        nap = asyncio.ensure_future(self._around.sleep(seconds))
        await asyncio.wait([stop, nap], return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, nap):
            task.cancel()
        await asyncio.wait([stop, nap])

    def _failed(self, error: Exception) -> None:
        known = isinstance(error, TailraceError | OSError)
        message = getattr(error, "message", "") or str(error) or type(error).__name__
        if not known:
            log.exception("source %s failed", self.definition.id, exc_info=error)
            message = f"Internal error ({type(error).__name__})."
        self._metrics.failed(message)
        self.log.add("ERROR", message)
        self._state, self._message = "failed", message

    def _recovered(self) -> None:
        self._state, self._message = "running", ""
