"""Continuous queries in virtual time: nothing runs but when told, so tests need no sleeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from engine.clock import ManualClock
from engine.duck import Session
from engine.errors import TailraceError
from engine.feeds import Storage
from engine.flow import Flow
from engine.flow_settings import FlowSettings
from engine.sql.logical import StreamingQuery
from engine.starting import Answers

# Steps that `settle` may take; more means that work never ends.
STEPS_MAX = 10_000


class Collected:
    """An output that keeps everything. `open` False makes it refuse rows (back-pressure)."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []
        self.ended = False
        self.error: TailraceError | None = None
        self.open = True

    def ready(self) -> bool:
        """Whether rows are wanted."""
        return self.open

    def rows(self, batch: pa.RecordBatch) -> None:
        """Keep."""
        self.batches.append(batch)

    def end(self, error: TailraceError | None) -> None:
        """Keep the outcome."""
        self.ended, self.error = True, error

    def emissions(self) -> list[list[tuple[Any, ...]]]:
        """The batches as lists of rows."""
        return [_rows(batch) for batch in self.batches]

    def all(self) -> list[tuple[Any, ...]]:
        """All rows in order."""
        return [row for batch in self.batches for row in _rows(batch)]

    def take(self) -> list[tuple[Any, ...]]:
        """The rows that came since the last call."""
        rows = self.all()
        self.batches.clear()
        return rows


def _rows(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


class VirtualFlow:
    """A flow without a thread over any storage; time moves by `advance` alone."""

    def __init__(
        self,
        storage: Storage,
        clock: ManualClock,
        settings: FlowSettings | None = None,
        sessions: Callable[[], Session] = Session,
    ) -> None:
        self.clock = clock
        self.flow = Flow(clock, storage, sessions, settings)
        self._queries = 0

    def start(self, plan: StreamingQuery, answers: Answers | None = None) -> Collected:
        """Start a query now; raises what it is refused with."""
        self._queries += 1
        output = Collected()
        self.flow.start(f"q{self._queries}", plan, output, self.clock.now_ms(), answers)
        self.settle()
        return output

    def settle(self) -> None:
        """Run until nothing waits at this instant."""
        for _ in range(STEPS_MAX):
            if not self.flow.step():
                return
        raise AssertionError("the flow does not come to rest")

    def advance(self, milliseconds: int) -> None:
        """Let time pass; timers run one after the other at their own instants."""
        end = self.clock.now_ms() + milliseconds
        self.settle()
        while True:
            due = self.flow.next_timer_ms()
            if due is None or due > end:
                break
            self.clock.advance(max(0, due - self.clock.now_ms()))
            self.settle()
        self.clock.advance(end - self.clock.now_ms())
        self.settle()

    def close(self) -> None:
        """Stop all queries."""
        self.flow.close()
