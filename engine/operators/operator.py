"""The contract of operators: pure and synchronous, no I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.clock import Clock
from engine.duck import Session
from engine.errors import Code, QueryFailed
from engine.spillspace import SpillSpace
from engine.state import StateSize


class Checkpointed(Protocol):
    """An operator whose state can be kept in checkpoints."""

    def changes(self, *, full: bool) -> StateDelta | None:
        """What of its state changed since the last call (all of it if `full`); None = nothing.

        Called between steps, on the flow thread; work grows with what changed, not with the state.
        What is returned shares no memory that a later `push` writes to.
        """
        ...

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that a base (`full`) and the changes after it describe, in order.

        Called once, on a new operator, before anything else.
        """
        ...


class Operator(Checkpointed, Protocol):
    """One node of a running graph. All methods are called on the flow thread, one at a time.

    Every method returns its output batches in order; each append (border) of an output batch is
    one emission, which an operator above treats as one append. What comes out is a function of
    the state, the arguments and the batches' instants alone. An exception ends the query.
    """

    name: str
    schema: pa.Schema

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Rows of an input; work grows with the batch and the keys it touches."""
        ...

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """The past of this input is read: release what was held. Called once per input."""
        ...

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """This input ended: send what is due. Called once per input; no push of it follows."""
        ...

    def tick(self, instant_ms: int) -> list[Batch]:
        """Processing-time timers up to this instant."""
        ...

    def due_ms(self) -> int | None:
        """The instant at which `tick` has something to do, None = no timer runs."""
        ...

    @property
    def done(self) -> bool:
        """Whether it wants no more input: what is below it may stop."""
        ...

    def held(self) -> StateSize:
        """Rows and bytes of its state, for budgets and metrics."""
        ...

    def close(self) -> None:
        """Give back prepared statements; called once, also after an exception."""
        ...


class Plain:
    """What an operator without timers, state and inputs to wait for does."""

    done = False

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """Nothing was held."""
        return []

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """Nothing is due."""
        return []

    def tick(self, instant_ms: int) -> list[Batch]:
        """No timers."""
        return []

    def due_ms(self) -> int | None:
        """No timers."""
        return None

    def held(self) -> StateSize:
        """No state."""
        return StateSize()

    def changes(self, *, full: bool) -> StateDelta | None:
        """No state."""
        return None

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """No state."""

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class Start:
    """What is read once when a query starts; the same again in every run of its steps.

    `instant_ms`: the instant of acceptance; timers run from it. `seed`: of its random functions
    and random streams. `rewinds`: whether any input reads the past first. `memory_bytes_max`: of
    the state in memory.
    """

    instant_ms: int
    seed: int
    rewinds: bool = False
    state_bytes_max: int = 4 << 30
    memory_bytes_max: int = 1 << 30


class Holdings:
    """What the operators of one query hold, each as it said last.

    `recount`: asks all of them, as some may hold less by now; whoever makes the query sets it.
    """

    def __init__(self) -> None:
        self._held: list[StateSize] = []
        self._bytes = self._pinned = 0
        self.recount: Callable[[], StateSize] | None = None

    def join(self) -> int:
        """A number for an operator."""
        self._held.append(StateSize())
        return len(self._held) - 1

    def note(self, member: int, size: StateSize) -> tuple[int, int]:
        """An operator holds this much; returns the bytes of all, and those of them in memory."""
        before, self._held[member] = self._held[member], size
        self._bytes += size.bytes - before.bytes
        self._pinned += size.bytes - size.disk - before.bytes + before.disk
        return self._bytes, self._pinned

    def exact(self, size: StateSize) -> tuple[int, int]:
        """The same after asking all; at least this size, which one of them is about to have."""
        found = size if self.recount is None else self.recount()
        pinned = max(found.bytes - found.disk, size.bytes - size.disk)
        return max(found.bytes, size.bytes), pinned


@dataclass(frozen=True, slots=True)
class Context:
    """What operators are made with."""

    session: Session
    start: Start
    spill: SpillSpace | None = None  # where state goes that does not fit into memory
    holdings: Holdings = field(default_factory=Holdings)


class Budget:
    """Refuses state beyond the query's limit, which all of its operators share; asked once a
    batch, since asking costs little."""

    def __init__(self, context: Context) -> None:
        self._max = context.start.state_bytes_max
        self._memory_max = context.start.memory_bytes_max
        self._holdings = context.holdings
        self._member = context.holdings.join()

    def check(self, size: StateSize) -> None:
        """Raises QueryFailed 241 when the state of all operators is too large, this one's being
        `size`."""
        total, pinned = self._holdings.note(self._member, size)
        if total <= self._max and pinned <= self._memory_max:
            return
        total, pinned = self._holdings.exact(size)
        if total > self._max:
            raise QueryFailed(
                f"The state of the query needs {total} bytes, more than the {self._max} of "
                "the setting state_bytes_max; use fewer keys or shorter windows, or raise it.",
                Code.MEMORY_LIMIT,
            )
        if pinned > self._memory_max:
            raise QueryFailed(
                f"The state of the query needs {pinned} bytes that cannot go to "
                f"disk, more than {self._memory_max}, a quarter of the setting "
                "state_bytes_max; use fewer keys, or raise it or state_memory_bytes_max.",
                Code.MEMORY_LIMIT,
            )


def start_now(clock: Clock, *, rewinds: bool = False) -> Start:
    """A start at this moment with a fresh seed."""
    return Start(clock.now_ms(), clock.seed(), rewinds)
