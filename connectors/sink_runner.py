"""Supervises one sink: reads its rows, delivers them, advances past what arrived or is given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors import properties, registry
from connectors.connector_log import ConnectorLog
from connectors.contract import SinkDefinition
from connectors.delivery import Deliverer, NotWhole, Stopped, Watch
from connectors.metrics import SourceCounters
from connectors.row_json import ObjectWriter, decode_rows
from connectors.sink_contract import Refusal, Sink, SinkContext, SinkRow, SinkSpec, Writer
from connectors.sink_window import Batch, Progress, Window
from connectors.supervised import Supervised
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.dead_letter import DeadLetter
from engine.errors import NotFound
from engine.protocol import BackgroundRows, Position

# Between two commits of the position: what is delivered in it comes again after a kill.
ADVANCE_SECONDS: Final = 0.1
# Rows that are made at a time, so that the loop is not held.
ROWS_MADE_MAX: Final = 500
# The record that tells one life of the query from the next, since both count rows from 0.
EPOCH: Final = "epoch"
EPOCH_CHARS: Final = 8
# The record of where the batch ends that is being delivered, for sinks that must repeat it exactly.
BATCH_END: Final = "batch_end"


class SinkRunner(Supervised):
    """Delivers the rows of one sink until it is stopped, at least once, with a stable event id.

    The position moves only past rows that the remote system has, or that are dead letters of the
    same commit. In order when the sink's `Delivery.parallel` is 1. What was delivered when the
    engine went away is not delivered again when it is back.
    """

    def __init__(
        self,
        definition: SinkDefinition,
        surroundings: Surroundings,
        begin: SourceCounters | None = None,
        log_: ConnectorLog | None = None,
        spec: SinkSpec | None = None,
    ) -> None:
        super().__init__("sink", definition.id, surroundings, begin, log_)
        self.definition = definition
        self._spec = spec or registry.sink(definition.type)
        self._config = properties.parse(self._spec.config, definition.properties)
        self._context = SinkContext(
            definition.id,
            self._clock,
            surroundings.sleep,
            definition.header,
            self._writer,
            surroundings.private,
        )
        self._spec.create(self._config, self._context)  # raises for what does not fit
        self._delivery = self._spec.delivery(self._config, self._context)
        self._objects = ObjectWriter(definition.header)
        self._epoch = ""
        # What arrived or is a dead letter, and may not be stored yet.
        self._unstored: list[Progress] = []
        self._storing = asyncio.Lock()
        # Where a batch ends that a former session began; it must come again as it was.
        self._begun_to = Position()

    def _begun(self) -> str:
        return f"started to {self.definition.type}"

    async def _writer(self) -> Writer:
        return await self._around.engine(self.definition.workspace)

    def _created(self) -> Sink:
        return self._spec.create(self._config, self._context)

    async def _session(self) -> None:
        """One connection to the engine and what is read on it."""
        engine = await self._around.engine(self.definition.workspace)
        await self._resume(engine)
        await registry.load(self._spec)
        self._metrics.begun_anew()
        window = Window(self._delivery, self._clock, self._around.sleep)
        watch = Watch(self._trouble, self._recovered)
        deliverer = Deliverer(
            self._created, self._delivery, self._clock, self._around.sleep, self._stopping, watch
        )
        tasks = [
            asyncio.create_task(self._read(engine, window)),
            asyncio.create_task(self._deliver_all(engine, window, deliverer)),
            asyncio.create_task(self._advance(engine, window)),
        ]
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():  # what was begun is delivered and stored
                window.close()
                await asyncio.wait(tasks[1:])
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in (stop, *tasks):
                task.cancel()
            await asyncio.wait([stop, *tasks])
            self._take_finished(window)
            await deliverer.close()

    async def _resume(self, engine: WorkspaceEngine) -> None:
        """Find out which life of the query this is, and store what the last session could not."""
        owner = self.definition.owner
        stored = (await engine.positions((owner,))).get(owner)
        if stored is None:
            raise NotFound(f"The query of the sink {self.definition.name!r} is not running.")
        records = (await engine.saved((owner,))).get(owner, {})
        epoch = records.get(EPOCH, b"").decode()
        if not epoch:
            epoch = self._clock.uuid4()[:EPOCH_CHARS]
            await engine.advance(owner, Position(), {EPOCH: epoch.encode()})
        if epoch != self._epoch:
            self._epoch, self._unstored = epoch, []
        # An advance whose answer was lost may have been stored, with its letters.
        self._unstored = [progress for progress in self._unstored if progress.to > stored]
        await self._store(engine)
        self._begun_to = Position()
        if self._delivery.exact and BATCH_END in records:
            self._begun_to = msgspec.json.decode(records[BATCH_END], type=Position)

    async def _read(self, engine: WorkspaceEngine, window: Window) -> None:
        held: list[SinkRow] = []  # of the batch that a former session began
        folds = self._delivery.folds
        async for block in engine.read_background(self.definition.owner, folds):
            created = self._clock.monotonic()
            values = decode_rows(block.payload)
            for begin in range(0, len(values), ROWS_MADE_MAX):
                rows = self._rows(block, values, begin)
                self._metrics.batch_received(len(rows))
                size = len(block.payload) * len(rows) // len(values)
                if rows[0].position <= self._begun_to:
                    again = sum(row.position <= self._begun_to for row in rows)
                    held += rows[:again]
                    rows = rows[again:]
                    if held[-1].position == self._begun_to:
                        await window.put(held, size, created, alone=True)
                        held = []
                if rows:
                    await window.put(rows, size, created)
        if not self._stopping.is_set():
            raise NotFound(f"The query of the sink {self.definition.name!r} has ended.")

    def _rows(
        self, block: BackgroundRows, values: Sequence[Sequence[msgspec.Raw]], begin: int
    ) -> list[SinkRow]:
        """Rows of a block, from one of them on."""
        sn = block.sn
        place = f"{self.definition.id}-{self._epoch}-{sn}-"
        return [
            SinkRow(f"{place}{index}", Position(sn, index), row)
            for index, row in enumerate(
                values[begin : begin + ROWS_MADE_MAX], block.first_row + begin
            )
        ]

    async def _deliver_all(
        self, engine: WorkspaceEngine, window: Window, deliverer: Deliverer
    ) -> None:
        """Connect, then deliver with as many tasks as the sink allows, until the window closes."""
        with contextlib.suppress(Stopped):
            await deliverer.connect()
            workers = [
                asyncio.create_task(self._deliver(engine, window, deliverer))
                for _ in range(self._delivery.parallel)
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.wait(workers)
        window.end()

    async def _deliver(self, engine: WorkspaceEngine, window: Window, deliverer: Deliverer) -> None:
        with contextlib.suppress(Stopped):
            while (batch := await window.take()) is not None:
                if not self._delivery.exact:
                    window.finish(batch, self._count(batch, await deliverer.deliver(batch.rows)))
                    continue
                try:
                    await self._deliver_exactly(engine, window, deliverer, batch)
                except NotWhole:
                    for part in window.part(batch):
                        await self._deliver_exactly(engine, window, deliverer, part)

    async def _deliver_exactly(
        self, engine: WorkspaceEngine, window: Window, deliverer: Deliverer, batch: Batch
    ) -> None:
        """Deliver after it is stored where the batch ends, and that all before it is done: a
        session that must do it again finds the same rows. NotWhole, of several rows."""
        self._take_finished(window)
        await self._store(engine, {BATCH_END: msgspec.json.encode(batch.last)})
        refused = await deliverer.deliver(batch.rows, whole=True)
        window.finish(batch, self._count(batch, refused))

    def _count(self, batch: Batch, refused: Sequence[Refusal]) -> tuple[DeadLetter, ...]:
        """Count a batch; the letters of what is given up in it."""
        arrived = len(batch.rows) - len(refused)
        if arrived:
            size = batch.size * arrived // len(batch.rows)
            self._metrics.batch_sent(arrived, size, batch.created)
        if not refused:
            return ()
        self._metrics.batch_dropped(len(refused))
        message = refused[-1].message
        self._metrics.failed(message)
        self._refusal = message
        self.log.add("WARN", f"gave up {len(refused)} rows: {message}")
        return tuple(self._letter(batch.rows[refusal.index], refusal) for refusal in refused)

    def _letter(self, row: SinkRow, refusal: Refusal) -> DeadLetter:
        raw = self._objects.write(row.values).decode()
        return DeadLetter(raw, refusal.message, row.event_id)

    async def _advance(self, engine: WorkspaceEngine, window: Window) -> None:
        while (progress := await window.progress()) is not None:
            self._unstored.append(progress)
            await self._store(engine)
            await self._pause(ADVANCE_SECONDS)

    def _take_finished(self, window: Window) -> None:
        while (progress := window.finished()) is not None:
            self._unstored.append(progress)

    async def _store(
        self, engine: WorkspaceEngine, records: dict[str, bytes] | None = None
    ) -> None:
        """Commit what is not; when that fails it is what the next session begins with."""
        async with self._storing:
            unstored = list(self._unstored)
            if not unstored and not records:
                return
            to = unstored[-1].to if unstored else Position()
            letters = tuple(letter for progress in unstored for letter in progress.letters)
            await engine.advance(self.definition.owner, to, records, letters)
            del self._unstored[: len(unstored)]
