"""Supervises one source: reads it into a bounded buffer, appends durably, then acknowledges."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from connectors import properties, registry
from connectors.buffer import Append, Buffer
from connectors.connector_log import ConnectorLog
from connectors.contract import Source, SourceContext, SourceDefinition
from connectors.gaps import Gaps, GapsKept
from connectors.metrics import SourceCounters
from connectors.source_writer import Displaced, SourceWriter, Stored
from connectors.supervised import Supervised, sentence
from connectors.surroundings import Surroundings
from engine.errors import NotFound, Overloaded, StorageFull, TailraceError, TooLarge, UserError
from engine.protocol import Definition

# What was sent while such a source is away is lost: that is recorded.
AT_MOST_ONCE: Final = "at most once"
ENDED: Final = "The remote system ended the stream; connecting again."


class SourceRunner(Supervised):
    """Runs one source until it is stopped; whatever fails is retried with back-off.

    A batch is acknowledged to the source only after the engine has made it durable, in order, with
    the records of the source in the same commit. A message that does not fit the stream becomes a
    dead letter, is counted and shown as the last error: it never stops a source. Everything else is
    tried again. A stop does not wait for rows whose stream does not exist, or for room.
    """

    def __init__(
        self,
        definition: SourceDefinition,
        surroundings: Surroundings,
        begin: SourceCounters | None = None,
        log_: ConnectorLog | None = None,
    ) -> None:
        super().__init__("source", definition.id, surroundings, begin, log_)
        self.definition = definition
        self._spec = registry.source(definition.type)
        self._config = properties.parse(self._spec.config, definition.properties)
        self._writer = SourceWriter(definition, self._clock)
        before = GapsKept() if begin is None else begin.gaps
        self._gaps = Gaps(self._clock, before)
        if self._spec.guarantee == AT_MOST_ONCE:
            self._metrics.gaps = self._gaps

    def _begun(self) -> str:
        return f"started into stream {self.definition.stream}"

    async def _session(self) -> None:
        """One life of the source, from connect to close."""
        try:
            await self._live()
        except Exception as error:
            self._gaps.away(sentence(error))
            raise
        finally:
            self._gaps.away()

    async def _live(self) -> None:
        engine = await self._around.engine(self.definition.workspace)
        definitions = (await engine.definitions()).definitions
        columns = self._columns(definitions)
        saved = await self._writer.open(engine)
        context = SourceContext(
            self.definition.id,
            self._clock,
            self._around.sleep,
            columns,
            self._around.private,
            saved,
            definitions,
            self._gaps.lost,
        )
        await registry.load(self._spec)
        source = self._spec.create(self._config, context)
        try:
            await source.connect()
            self.log.add("INFO", "connected")
            self._gaps.connected()
            self._recovered()
            await self._pump(source)
        finally:
            await source.close()

    def _columns(self, definitions: tuple[Definition, ...]) -> tuple[str, ...]:
        name = self.definition.stream
        for definition in definitions:
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
            raise UserError(ENDED, 503, "orbit")

    async def _read(self, source: Source, buffer: Buffer) -> None:
        try:
            async for batch in source.batches():
                await buffer.put(batch)
                self._metrics.batch_received(batch.count)
            self._gaps.away(ENDED)
        except Exception as error:
            self._gaps.away(sentence(error))
            raise
        finally:
            self._gaps.away()  # now, not when what was read is stored
            buffer.close()

    async def _append(self, append: Append) -> None:
        """Make it durable, however often that takes."""
        while True:
            try:
                engine = await self._around.engine(self.definition.workspace)
                stored = await self._writer.store(engine, append)
            except Overloaded as error:  # back-pressure is no failure of the source
                self._metrics.failed(error.message)
                await self._around.sleep(self._retry.next())
            except (Displaced, TooLarge):
                raise  # the source reads again what is not stored
            except (NotFound, StorageFull) as error:
                if self._stopping.is_set():  # nobody will mend it: these rows cannot be stored
                    raise
                self._failed(error)
                await self._pause(self._retry.next())
            except TailraceError as error:
                if self._stopping.is_set() and isinstance(error, UserError):
                    raise  # it is refused for good
                self._failed(error)
                await self._pause(self._retry.next())
            else:
                self._recovered()
                self._retry.reset()
                self._count(append, stored)
                return

    def _count(self, append: Append, stored: Stored) -> None:
        if stored.given_up:
            message = f"{stored.given_up} messages became dead letters: {stored.why}"
            self._metrics.failed(stored.why)
            self._metrics.batch_dropped(stored.given_up)
            self.log.add("WARN", message)
            self._refusal = stored.why
        created = append.parts[0].created
        self._metrics.corrected(stored.rows + stored.given_up - append.count)
        self._metrics.batch_sent(stored.rows, stored.nbytes, created)
