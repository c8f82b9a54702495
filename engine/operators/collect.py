"""EMIT PERIODIC of a SELECT DISTINCT: rows wait for the next tick and are one emission then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.emit import Ticks
from engine.operators.operator import Budget, Context
from engine.sql.logical import Collect as Node
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved, since_full


class Collect(Saved):
    """Passes what came since the last tick, in order of arrival; the past waits until it is read.

    A tick without new rows sends nothing.
    """

    done = False

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Collect"
        self.schema = source
        self._rows = _Waiting()
        self._ticks = Ticks(context.start.instant_ms, node.interval_ms)
        self._past = context.start.rewinds
        self._budget = Budget(context)
        self._state = Parts(
            {"rows": self._rows, "ticks": self._ticks, "own": Fields(self, "_past")}
        )

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Keep the rows."""
        if batch.num_rows:
            if not self._rows.count:
                self._ticks.wanted_from(batch.instant_ms)
            self._rows.add(batch.rows)
            self._budget.check(self.held())
        return []

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """The rows of the past wait for the next tick."""
        self._past = False
        self._ticks.wanted_from(instant_ms)
        return []

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """What waits."""
        return self._send(instant_ms)

    def tick(self, instant_ms: int) -> list[Batch]:
        """What waits, as of the tick."""
        due = self.due_ms()
        if due is None or not self._ticks.passed(instant_ms):
            return []
        return self._send(self._ticks.last_ms)

    def due_ms(self) -> int | None:
        """The next tick, while rows wait."""
        return self._ticks.next_ms if self._rows.count and not self._past else None

    def _send(self, instant_ms: int) -> list[Batch]:
        if not self._rows.count:
            return []
        rows = self._rows.take()
        return [Batch(rows, instant_ms, np.array([0, rows.num_rows]))]

    def held(self) -> StateSize:
        """The rows that wait."""
        return StateSize(self._rows.count, self._rows.nbytes)

    def close(self) -> None:
        """Nothing to give back."""


class _Waiting:
    """Rows in order of arrival, as a part of a checkpoint: only those that came since the last."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._told = 0  # how many of them the checkpoints have
        self._taken = False  # whether what the checkpoints have is gone
        self.count = 0
        self.nbytes = 0

    def add(self, rows: pa.RecordBatch) -> None:
        self._batches.append(rows)
        self.count += rows.num_rows
        self.nbytes += rows.nbytes

    def take(self) -> pa.RecordBatch:
        """All of them; there is at least one."""
        rows = pa.concat_batches(self._batches)
        self._taken = self._taken or self._told > 0
        self._batches, self._told, self.count, self.nbytes = [], 0, 0, 0
        return rows

    def changes(self, *, full: bool) -> StateDelta | None:
        """The new ones, after none or after those that were told before."""
        whole = full or self._taken
        fresh = self._batches if whole else self._batches[self._told :]
        if not fresh and not whole:
            return None
        self._told, self._taken = len(self._batches), False
        return StateDelta({str(at): rows for at, rows in enumerate(fresh)}, {}, whole)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Piece by piece."""
        for delta in since_full(deltas):
            for at in range(len(delta.tables)):
                self.add(delta.tables[str(at)])
        self._told = len(self._batches)
