"""The contract of operators: pure and synchronous, no I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.clock import Clock
from engine.duck import Session
from engine.errors import Code, QueryFailed
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
    and random streams. `rewinds`: whether any input reads the past first.
    """

    instant_ms: int
    seed: int
    rewinds: bool = False
    state_bytes_max: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Context:
    """What operators are made with."""

    session: Session
    start: Start


class Budget:
    """Refuses state beyond the query's limit; asked once a batch, since asking costs little."""

    def __init__(self, start: Start) -> None:
        self._max = start.state_bytes_max

    def check(self, size: StateSize) -> None:
        """Raises QueryFailed 241 when the state is too large."""
        if size.bytes > self._max:
            raise QueryFailed(
                f"The state of the query needs {size.bytes} bytes, more than its limit of "
                f"{self._max}; use fewer keys, shorter windows or the setting of the limit.",
                Code.MEMORY_LIMIT,
            )


def start_now(clock: Clock, *, rewinds: bool = False) -> Start:
    """A start at this moment with a fresh seed."""
    return Start(clock.now_ms(), clock.seed(), rewinds)
