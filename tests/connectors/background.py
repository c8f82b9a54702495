"""An engine whose hidden streams the test fills, and a target that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from virtual import ListEngine, VirtualTime

from connectors.sink_contract import Delivery, NotDelivered, Refusal, SinkContext, SinkRow, SinkSpec
from connectors.surroundings import Surroundings
from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, NotFound
from engine.protocol import BackgroundRows, Position, ResultColumn

HEADER = (ResultColumn("n", "int64"), ResultColumn("text", "string"))


BEFORE_ALL = Position()


@dataclass
class Hidden:
    """One owner's stream, position and records. A new life counts its appends from 0 again."""

    blocks: list[tuple[int, int, int, list[list[Any]]]] = field(default_factory=list)
    position: Position = BEFORE_ALL
    records: dict[str, bytes] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    life: int = 0
    sn: int = 0


class BackgroundEngine(ListEngine):
    """The background part of an engine in memory, with deaths and lost answers."""

    def __init__(self, *owners: str) -> None:
        super().__init__()
        self.hidden = {owner: Hidden() for owner in owners}
        self.up = True
        self.lives = 0
        self.lose_answers = 0  # of so many advances, which are stored
        self.advances = 0
        self._changed = asyncio.Event()

    def append(self, owner: str, *blocks: tuple[int, list[list[Any]]]) -> int:
        """One append of blocks of (query, rows); its number."""
        hidden = self.hidden[owner]
        first = 0
        for query, rows in blocks:
            hidden.blocks.append((query, hidden.sn, first, rows))
            first += len(rows)
        hidden.sn += 1
        self._changed.set()
        return hidden.sn - 1

    def begin_anew(self, owner: str) -> None:
        """Another query: rows, position and records are gone."""
        self.hidden[owner] = Hidden(life=self.hidden[owner].life + 1)
        self._changed.set()

    def die(self) -> None:
        """What is read ends; nothing works until `restart`."""
        self.up = False
        self.lives += 1
        self._changed.set()

    def restart(self) -> None:
        """It is back with what was stored."""
        self.up = True

    async def read_background(
        self, owner: str, folds: bool = False
    ) -> AsyncIterator[BackgroundRows]:
        """See Background.read_background."""
        self._there(owner)
        life, lives = self.hidden[owner].life, self.lives
        after = self.hidden[owner].position
        while True:
            if self.lives != lives:
                raise EngineUnavailable("died")
            hidden = self.hidden.get(owner)
            if hidden is None or hidden.life != life:
                return
            found = [b for b in hidden.blocks if Position(b[1], b[2] + len(b[3]) - 1) > after]
            if not found:
                self._changed.clear()
                await self._changed.wait()
                continue
            query, sn, first, rows = found[0]
            skipped = max(0, after.row + 1 - first) if sn == after.sn else 0
            after = Position(sn, first + len(rows) - 1)
            rows = rows[skipped:]
            payload = msgspec.json.encode(rows)
            yield BackgroundRows(query, sn, first + skipped, len(rows), payload)

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """See Background.advance."""
        self._there(owner)
        await asyncio.sleep(0)
        self._there(owner)
        self.advances += 1
        hidden = self.hidden[owner]
        hidden.position = max(hidden.position, to)
        hidden.records |= saved or {}
        hidden.letters += letters
        if self.lose_answers:
            self.lose_answers -= 1
            self.die()
            raise EngineUnavailable("died after it was stored")

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        """See Background.positions."""
        self._there(None)
        return {o: self.hidden[o].position for o in owners if o in self.hidden}

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """See Background.saved."""
        self._there(None)
        return {o: dict(self.hidden[o].records) for o in owners if self.hidden[o].records}

    def _there(self, owner: str | None) -> None:
        if not self.up:
            raise EngineUnavailable("The engine is starting.")
        if owner is not None and owner not in self.hidden:
            raise NotFound(f"There is no {owner}.")

    def around(self, time: VirtualTime) -> Surroundings:
        """Surroundings with this engine."""

        async def connect(_workspace: str) -> BackgroundEngine:
            self._there(None)
            return self

        return Surroundings(connect, time.clock, time.sleep)


# What the target does with a batch: None = takes it.
Answer = Callable[[Sequence[SinkRow]], Sequence[Refusal] | None]


class Target:
    """A remote system. `answers` are used up one by one, then everything is taken."""

    def __init__(self, delivery: Delivery | None = None) -> None:
        self.delivery = delivery or Delivery()
        self.answers: list[Answer] = []
        self.taken: list[SinkRow] = []
        self.attempts: list[list[SinkRow]] = []
        self.connects = 0
        self.open = 0
        self.refuse_connection = ""
        self.gate: asyncio.Event | None = None
        self.before_answer: Callable[[], Awaitable[None]] | None = None
        self.at_once = self.most_at_once = 0
        self.contexts: list[SinkContext] = []
        self.known: set[tuple[str, str]] | None = None  # batches, when it knows them

    def spec(self, name: str = "target") -> SinkSpec:
        """The sink type of this target."""
        return SinkSpec(
            name, "T", "t", "at least once", "t", NoConfig, self._create, lambda *_: self.delivery
        )

    def _create(self, _: Any, context: SinkContext) -> TargetSink:
        self.contexts.append(context)
        return TargetSink(self)

    def numbers(self) -> list[int]:
        """The first column of what was taken."""
        return [msgspec.json.decode(bytes(row.values[0])) for row in self.taken]


class NoConfig(msgspec.Struct, frozen=True):
    """No properties."""


class TargetSink:
    """See `connectors.sink_contract.Sink`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connected = False

    async def connect(self) -> None:
        """Connect."""
        if self._target.refuse_connection:
            raise NotDelivered(self._target.refuse_connection)
        self._target.connects += 1
        self._target.open += 1
        self._connected = True

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Take them as the target says."""
        target = self._target
        target.attempts.append(list(rows))
        batch = (rows[0].event_id, rows[-1].event_id)
        if target.known is not None and batch in target.known:
            return ()
        target.at_once += 1
        target.most_at_once = max(target.most_at_once, target.at_once)
        try:
            if target.gate is not None:
                await target.gate.wait()
            if target.before_answer is not None:
                await target.before_answer()
            await asyncio.sleep(0)
            refused = (target.answers.pop(0)(rows) if target.answers else None) or ()
        finally:
            target.at_once -= 1
        lost = {refusal.index for refusal in refused}
        target.taken += [row for index, row in enumerate(rows) if index not in lost]
        if target.known is not None:
            target.known.add(batch)
        return refused

    async def close(self) -> None:
        """Close."""
        if self._connected:
            self._target.open -= 1


def fails(message: str = "away", after: float = 0.0, *, reconnect: bool = False) -> Answer:
    """An attempt that fails."""

    def answer(_: Sequence[SinkRow]) -> None:
        raise NotDelivered(message, after=after, reconnect=reconnect)

    return answer


def arrives_unknown(target: Target) -> Answer:
    """The rows arrive, but the answer is lost."""

    def answer(rows: Sequence[SinkRow]) -> None:
        target.taken += rows
        if target.known is not None:
            target.known.add((rows[0].event_id, rows[-1].event_id))
        raise NotDelivered("the connection was cut", reconnect=True)

    return answer


def refuses(*indices: int, message: str = "does not fit") -> Answer:
    """Rows of these indices are refused."""
    return lambda rows: [Refusal(i, message) for i in indices if i < len(rows)]


def breaks(_: Sequence[SinkRow]) -> None:
    """A failure that nobody thought of."""
    raise KeyError("secret detail")
