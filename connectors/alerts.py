"""Supervises one alert: watches its rows, saves each change of its state, then notifies of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from connectors import alert_letters, incidents, properties, registry
from connectors.alert_letters import INSTANCE
from connectors.backoff import Backoff
from connectors.connector_log import ConnectorLog
from connectors.contract import AlertAction, AlertDefinition
from connectors.delivery import Deliverer, Stopped, Watch
from connectors.incidents import Instance, Notification, Rule
from connectors.metrics import SourceCounters
from connectors.row_json import decode_rows
from connectors.sink_contract import (
    Refusal,
    Sink,
    SinkContext,
    SinkRow,
    SinkSpec,
    Writer,
)
from connectors.supervised import Supervised
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.clock import Clock
from engine.errors import EngineUnavailable, NotFound, StorageFull, UserError
from engine.protocol import Position, ResultColumn

# Actions beside the alert's own: each may have a connection, and a message under way.
ACTIONS_MAX: Final = 8
# How long a position that changes nothing waits to be stored: such rows are read again.
ADVANCE_SECONDS: Final = 1.0
# Between two looks for a client library that is not installed.
LOAD_SECONDS: Final = 60.0
# What templates may name beside the columns of the row.
EXTRAS: Final = ("_alert_name", "_alert_severity", "_alert_status", "_alert_incident_id")
GIVEN_UP: Final = "Too many messages waited for the target of the alert; the oldest was given up."
# Rows that are not watched are not lost: they are read from the stored position on.
WATCHES_NOT: Final = (
    f"The alert watches no rows for now: {incidents.PENDING_MAX} messages wait for its actions, "
    "which is the most there may be, and the oldest cannot be given up. It goes on from where it "
    "is once that one is delivered or there is room."
)


# Who waits for room to store something, where it is none of the actions.
READER: Final = -1
RELEASER: Final = -2
ADVANCER: Final = -3


class _Action(NamedTuple):
    """One of the actions: its number, the type of its sink, its configuration."""

    number: int
    spec: SinkSpec
    config: Any

    def sink(self, context: SinkContext) -> Sink:
        """A sink for one message."""
        return self.spec.create(self.config, context)


class AlertRunner(Supervised):
    """Runs one alert until it is stopped.

    A change of the state is durable, together with the position of the row that made it and the
    message that tells of it, before that is sent; so each is sent at least once by each action,
    always with the same incident id, and no row counts twice. Rows are watched on while messages
    wait, and no action waits for another, nor for room for what another gives up.
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
        self._actions = tuple(map(_made, range(ACTIONS_MAX + 1), definition.all_actions))
        self._rule = Rule(len(self._actions), definition.cooldown_ms)
        for action in self._actions:  # raises for what does not fit
            action.sink(self._context("triggered"))
            if definition.resolve_header:
                action.sink(self._context("resolved"))
        self._engine: WorkspaceEngine | None = None
        self._saving = asyncio.Lock()
        self._changed = asyncio.Event()  # what is saved
        self._moved = asyncio.Event()  # the position
        self._held = asyncio.Event()  # what the cool-down keeps back
        self._troubles: dict[int, str] = {}  # of actions that cannot go on now
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
        names = " and ".join(action.spec.name for action in self._actions)
        return f"started with action {names}"

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
        self._troubles.clear()
        self._recovered()
        self._metrics.begun_anew()
        self._metrics.batch_received(sum(len(each.waiting) for each in self._saved.pending))
        self._engine = engine
        tasks = [
            asyncio.create_task(self._read(engine)),
            asyncio.create_task(self._advance(engine)),
            asyncio.create_task(self._release(engine)),
            *(asyncio.create_task(self._notify_all(engine, action)) for action in self._actions),
        ]
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():  # a message that is on its way is waited for
                tasks[0].cancel()
                for event in (self._changed, self._moved, self._held):
                    event.set()
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
                self._become(
                    incidents.observed(self._instance, block.query, row, now, incident, self._rule)
                )
                self.log.add("INFO", f"incident {self._instance.id} {self._instance.status}")
            self._position = Position(block.sn, block.first_row + block.count - 1)
            self._moved.set()
            if self._instance is not self._saved:
                await self._bound(engine, READER)
                await self._keep(engine, READER)
        raise NotFound(f"The queries of the alert {self.definition.name!r} have ended.")

    def _become(self, instance: Instance) -> None:
        """Another state, to which a message may have come."""
        if len(instance.pending) > len(self._instance.pending):
            self._metrics.batch_received(len(self._actions))
        self._instance = instance
        self._held.set()

    async def _bound(self, engine: WorkspaceEngine, who: int) -> None:
        """Give up the oldest messages when too many wait."""
        while len(self._instance.pending) > incidents.PENDING_MAX and not self._stopping.is_set():
            oldest = self._instance.pending[0]
            await self._give_up(engine, who, oldest, oldest.waiting, GIVEN_UP)

    async def _advance(self, engine: WorkspaceEngine) -> None:
        """Store positions that changed nothing."""
        while not self._stopping.is_set():
            await self._moved.wait()
            await self._pause(ADVANCE_SECONDS)
            self._moved.clear()
            if self._position != self._stored:
                await self._keep(engine, ADVANCER)

    async def _release(self, engine: WorkspaceEngine) -> None:
        """Let go what the cool-down held, when it is over."""
        while not self._stopping.is_set():
            self._held.clear()
            left = incidents.held_ms(self._instance, self._clock.now_ms(), self._rule)
            if left is None:
                await self._held.wait()
            elif left:
                await self._pause(left / 1000)
            else:
                now = self._clock.now_ms()
                self._become(incidents.released(self._instance, now, self._rule))
                await self._bound(engine, RELEASER)
                await self._keep(engine, RELEASER)

    async def _save(self, engine: WorkspaceEngine) -> None:
        """Position and state as they are now, in one commit."""
        async with self._saving:
            position, instance = self._position, self._instance
            if position == self._stored and instance is self._saved:
                return
            record = None if instance is self._saved else {INSTANCE: incidents.encode(instance)}
            await engine.advance(self.definition.owner, position, record)
            self._stored, self._saved = position, instance
            self._changed.set()

    async def _keep(self, engine: WorkspaceEngine, who: int) -> None:
        """As `_save`; while there is no room `who` waits, until a stop."""
        await self._with_room(who, lambda: self._save(engine))

    async def _with_room(
        self, who: int, commit: Callable[[], Awaitable[None]], what: str = ""
    ) -> None:
        """A commit, which is tried until there is room for it or a stop comes; `what` cannot go on
        meanwhile, as is told."""
        backoff: Backoff | None = None
        while True:
            try:
                await commit()
            except StorageFull as error:
                self._hindered(who, f"{what} {error.message}".lstrip())
            else:
                break
            backoff = backoff or Backoff(self._clock.seed())
            await self._pause(backoff.next())
            if self._stopping.is_set():
                return
        if backoff is not None:
            self._delivered(who)

    async def _notify_all(self, engine: WorkspaceEngine, action: _Action) -> None:
        """Send what an action has still to send and is durable, oldest first, until a stop."""
        while not self._stopping.is_set():
            self._changed.clear()
            message = incidents.next_for(self._saved, action.number)
            if message is None:
                await self._changed.wait()
                continue
            try:
                await self._notify(engine, action, message)
            except Stopped:
                return

    async def _notify(
        self, engine: WorkspaceEngine, action: _Action, message: Notification
    ) -> None:
        began = self._clock.monotonic()
        refused = await self._deliver(action, message)
        numbers = (action.number,)
        if refused:
            await self._give_up(engine, action.number, message, numbers, refused[0].message)
            return
        after = incidents.without(self._instance, message, numbers)
        if after is not self._instance:  # else it was given up meanwhile, which is being saved
            self._instance = after
            self._metrics.batch_sent(1, sum(len(bytes(value)) for value in message.row), began)
            told = f"told of incident {message.incident} {message.type}"
            self.log.add("INFO", f"{told} by {action.spec.name}")
        await self._keep(engine, action.number)

    async def _give_up(
        self,
        engine: WorkspaceEngine,
        who: int,
        message: Notification,
        numbers: Sequence[int],
        why: str,
    ) -> None:
        """Make dead letters of a message for some actions; it stays theirs until they are stored.
        While there is no room for them `who` waits, and nobody else."""

        async def commit() -> None:
            try:
                await self._store_letters(engine, message, numbers, why)
            except StorageFull:
                await self._save(engine)  # what else has changed is durable, and told of
                raise

        await self._with_room(who, commit, WATCHES_NOT if who in (READER, RELEASER) else "")

    async def _store_letters(
        self, engine: WorkspaceEngine, message: Notification, numbers: Sequence[int], why: str
    ) -> None:
        """The letters and the state without what they are of, in one commit."""
        async with self._saving:
            before, position = self._instance, self._position
            given_up = tuple(n for n in incidents.waiting_for(before, message) if n in numbers)
            if not given_up:  # another has seen to it
                return
            after = incidents.without(before, message, given_up)
            header = self._header(message.type)
            letters = alert_letters.of(message, given_up, header, why)
            record = {INSTANCE: incidents.encode(after)}
            await engine.advance(self.definition.owner, position, record, letters)
            now = self._instance
            self._instance = after if now is before else incidents.without(now, message, given_up)
            self._stored, self._saved = position, after
            self._changed.set()
        self._metrics.batch_dropped(len(given_up))
        self._metrics.failed(why)
        self._refusal = why
        self.log.add("WARN", f"gave up incident {message.incident} {message.type}: {why}")

    async def _loaded(self, action: _Action) -> None:
        """The action's client library is there; Stopped."""
        while True:
            try:
                return await registry.load(action.spec)
            except UserError as error:  # until it is installed
                self._hindered(action.number, error.message)
                await self._pause(LOAD_SECONDS)
                if self._stopping.is_set():
                    raise Stopped from None

    async def _deliver(self, action: _Action, message: Notification) -> Sequence[Refusal]:
        await self._loaded(action)
        context = self._context(message.type)
        deliverer = Deliverer(
            lambda: action.sink(context),
            action.spec.delivery(action.config, context),
            self._clock,
            self._around.sleep,
            self._stopping,
            Watch(partial(self._hindered, action.number), partial(self._delivered, action.number)),
        )
        try:
            return await deliverer.deliver((self._row(action, message),))
        finally:
            await deliverer.close()

    def _hindered(self, who: int, message: str) -> None:
        self._troubles.pop(who, None)
        self._troubles[who] = message
        self._trouble(message)
        self._show()

    def _delivered(self, who: int) -> None:
        """It is well again when no other is in trouble."""
        self._troubles.pop(who, None)
        self._recovered()
        self._show()

    def _show(self) -> None:
        """Of several troubles the newest, but that no rows are watched comes before all."""
        if self._troubles:
            newest = next(reversed(self._troubles.values()))
            self._state, self._message = "failed", self._troubles.get(READER, newest)

    def _row(self, action: _Action, message: Notification) -> SinkRow:
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
        event_id = alert_letters.event_id(message, action.number)
        return SinkRow(event_id, Position(), (*values, *encoded), headers)


def _made(number: int, action: AlertAction) -> _Action:
    spec = registry.sink(action.action)
    return _Action(number, spec, properties.parse(spec.config, action.properties))


async def resolve_stopped(engine: WorkspaceEngine, owner: str, clock: Clock) -> None:
    """Resolve an alert that no runner watches; durable on return. NotFound."""
    if owner not in await engine.positions((owner,)):
        raise NotFound(f"The queries of the {owner.replace(':', ' ')} do not exist.")
    records = (await engine.saved((owner,))).get(owner, {})
    before = incidents.decode(records.get(INSTANCE))
    after = incidents.resolved_by_hand(before, clock.now_ms())
    if after is not before:
        await engine.advance(owner, Position(), {INSTANCE: incidents.encode(after)})
