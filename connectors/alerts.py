"""Supervises one alert: watches its rows, saves each change of its state, then notifies of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors import incidents, properties, registry
from connectors.connector_log import ConnectorLog
from connectors.contract import AlertDefinition
from connectors.delivery import Deliverer, Stopped, Watch
from connectors.incidents import Instance, Notification
from connectors.metrics import SourceCounters
from connectors.row_json import ObjectWriter, decode_rows
from connectors.sink_contract import Refusal, Sink, SinkContext, SinkRow, Writer
from connectors.supervised import Supervised
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.clock import Clock
from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, NotFound
from engine.protocol import Position, ResultColumn

INSTANCE: Final = "instance"
# How long a position that changes nothing waits to be stored: such rows are read again.
ADVANCE_SECONDS: Final = 1.0
# What templates may name beside the columns of the row.
EXTRAS: Final = ("_alert_name", "_alert_severity", "_alert_status", "_alert_incident_id")
GIVEN_UP: Final = "Too many messages waited for the target of the alert; the oldest was given up."


class AlertRunner(Supervised):
    """Runs one alert until it is stopped.

    A change of the state is durable, together with the position of the row that made it and the
    message that tells of it, before that is sent; so each is sent at least once, always with the
    same incident id, and no row counts twice. Rows are watched on while messages wait.
    """

    def __init__(
        self,
        definition: AlertDefinition,
        surroundings: Surroundings,
        begin: SourceCounters | None = None,
        log_: ConnectorLog | None = None,
    ) -> None:
        super().__init__("alert", definition.id, surroundings, begin, log_)
        self.definition = definition
        self._spec = registry.sink(definition.action)
        self._config = properties.parse(self._spec.config, definition.properties)
        self._sink(self._context("triggered"))  # raises for what does not fit
        if definition.resolve_header:
            self._sink(self._context("resolved"))
        self._engine: WorkspaceEngine | None = None
        self._saving = asyncio.Lock()
        self._changed = asyncio.Event()  # what is saved
        self._moved = asyncio.Event()  # the position
        self._instance = self._saved = Instance()
        self._position = self._stored = Position()

    async def resolve(self) -> None:
        """Resolve it by hand; durable on return. EngineUnavailable while the engine is away."""
        engine = self._engine
        if engine is None:
            raise EngineUnavailable("The engine is starting; try again.")
        before = self._instance
        self._instance = incidents.resolved_by_hand(before, self._clock.now_ms())
        await self._save(engine)
        if before is not self._instance:
            self.log.add("INFO", f"incident {before.id} resolved by hand")

    def _begun(self) -> str:
        return f"started with action {self.definition.action}"

    async def _writer(self) -> Writer:
        return await self._around.engine(self.definition.workspace)

    def _header(self, status: incidents.Status) -> tuple[ResultColumn, ...]:
        definition = self.definition
        triggered = status == "triggered"
        return definition.trigger_header if triggered else definition.resolve_header

    def _context(self, status: incidents.Status) -> SinkContext:
        return SinkContext(
            self.definition.id,
            self._clock,
            self._around.sleep,
            self._header(status),
            self._writer,
            self._around.private,
            status,
            f"Alert {self.definition.name} is {status}",
            EXTRAS,
        )

    def _sink(self, context: SinkContext) -> Sink:
        return self._spec.create(self._config, context)

    async def _session(self) -> None:
        """One connection to the engine, from the saved state on."""
        engine = await self._around.engine(self.definition.workspace)
        owner = self.definition.owner
        stored = (await engine.positions((owner,))).get(owner)
        if stored is None:
            raise NotFound(f"The queries of the alert {self.definition.name!r} are not running.")
        records = (await engine.saved((owner,))).get(owner, {})
        self._position = self._stored = stored
        self._instance = self._saved = incidents.decode(records.get(INSTANCE))
        self._recovered()
        self._metrics.begun_anew()
        self._metrics.batch_received(len(self._saved.pending))
        self._engine = engine
        tasks = [
            asyncio.create_task(self._read(engine)),
            asyncio.create_task(self._notify_all(engine)),
            asyncio.create_task(self._advance(engine)),
        ]
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():  # a message that is on its way is waited for
                tasks[0].cancel()
                self._changed.set()
                self._moved.set()
                await asyncio.wait(tasks)
                await self._save(engine)
            for task in tasks[1:] if self._stopping.is_set() else tasks:
                if task.done():
                    task.result()
        finally:
            self._engine = None
            for task in (stop, *tasks):
                task.cancel()
            await asyncio.wait([stop, *tasks])

    async def _read(self, engine: WorkspaceEngine) -> None:
        async for block in engine.read_background(self.definition.owner):
            if incidents.changes(self._instance, block.query):
                # One row at most: those that follow it in the block are of the same query.
                row = tuple(decode_rows(block.payload)[0])
                now, incident = self._clock.now_ms(), self._clock.uuid4()
                self._instance = incidents.observed(self._instance, block.query, row, now, incident)
                self._metrics.batch_received(1)
                self.log.add("INFO", f"incident {self._instance.id} {self._instance.status}")
            self._position = Position(block.sn, block.first_row + block.count - 1)
            self._moved.set()
            if self._instance is not self._saved:
                await self._bound(engine)
                await self._save(engine)
        raise NotFound(f"The queries of the alert {self.definition.name!r} have ended.")

    async def _bound(self, engine: WorkspaceEngine) -> None:
        """Give up the oldest message when too many wait."""
        if len(self._instance.pending) > incidents.PENDING_MAX:
            await self._give_up(engine, self._instance.pending[0], GIVEN_UP)

    async def _advance(self, engine: WorkspaceEngine) -> None:
        """Store positions that changed nothing."""
        while not self._stopping.is_set():
            await self._moved.wait()
            await self._pause(ADVANCE_SECONDS)
            self._moved.clear()
            if self._position != self._stored:
                await self._save(engine)

    async def _save(self, engine: WorkspaceEngine, letters: tuple[DeadLetter, ...] = ()) -> None:
        """Position and state as they are now, in one commit."""
        async with self._saving:
            position, instance = self._position, self._instance
            if position == self._stored and instance is self._saved and not letters:
                return
            record = None if instance is self._saved else {INSTANCE: incidents.encode(instance)}
            await engine.advance(self.definition.owner, position, record, letters)
            self._stored, self._saved = position, instance
            self._changed.set()

    async def _notify_all(self, engine: WorkspaceEngine) -> None:
        """Send what is pending and durable, oldest first, until a stop."""
        while not self._stopping.is_set():
            self._changed.clear()
            if not self._saved.pending:
                await self._changed.wait()
                continue
            try:
                await self._notify(engine, self._saved.pending[0])
            except Stopped:
                return

    async def _notify(self, engine: WorkspaceEngine, message: Notification) -> None:
        began = self._clock.monotonic()
        row = self._row(message)
        refused = await self._deliver(message, row)
        if refused:
            await self._give_up(engine, message, refused[0].message)
            return
        after = incidents.without(self._instance, message)
        if after is self._instance:  # it was given up meanwhile, which is being saved
            await self._save(engine)
            return
        self._instance = after
        self._metrics.batch_sent(1, sum(len(bytes(value)) for value in message.row), began)
        self.log.add("INFO", f"told of incident {message.incident} {message.type}")
        await self._save(engine)

    async def _give_up(self, engine: WorkspaceEngine, message: Notification, why: str) -> None:
        after = incidents.without(self._instance, message)
        if after is self._instance:
            await self._save(engine)
            return
        self._instance = after
        self._metrics.batch_dropped(1)
        self._metrics.failed(why)
        self._refusal = why
        self.log.add("WARN", f"gave up incident {message.incident} {message.type}: {why}")
        raw = ObjectWriter(self._header(message.type)).write(message.row).decode()
        await self._save(engine, (DeadLetter(raw, why, _event_id(message)),))

    async def _deliver(self, message: Notification, row: SinkRow) -> Sequence[Refusal]:
        context = self._context(message.type)
        deliverer = Deliverer(
            lambda: self._sink(context),
            self._spec.delivery(self._config, context),
            self._clock,
            self._around.sleep,
            self._stopping,
            Watch(self._trouble, self._recovered),
        )
        try:
            return await deliverer.deliver((row,))
        finally:
            await deliverer.close()

    def _row(self, message: Notification) -> SinkRow:
        """The row that tells of a change; its columns are those of its query as they are now."""
        columns = len(self._header(message.type))
        null = msgspec.Raw(b"null")
        values = (*message.row, *[null] * columns)[:columns]
        extras = (
            self.definition.name,
            self.definition.severity,
            message.type,
            message.incident,
        )
        encoded = [msgspec.Raw(msgspec.json.encode(extra)) for extra in extras]
        headers = (
            ("X-Alert-Status", message.type),
            ("X-Incident-Id", message.incident),
            ("X-Alert-Severity", str(self.definition.severity)),
        )
        return SinkRow(_event_id(message), Position(), (*values, *encoded), headers)


def _event_id(message: Notification) -> str:
    return f"{message.incident}-{message.type}"


async def resolve_stopped(engine: WorkspaceEngine, owner: str, clock: Clock) -> None:
    """Resolve an alert that no runner watches; durable on return. NotFound."""
    if owner not in await engine.positions((owner,)):
        raise NotFound(f"The queries of the {owner.replace(':', ' ')} do not exist.")
    records = (await engine.saved((owner,))).get(owner, {})
    before = incidents.decode(records.get(INSTANCE))
    after = incidents.resolved_by_hand(before, clock.now_ms())
    if after is not before:
        await engine.advance(owner, Position(), {INSTANCE: incidents.encode(after)})
