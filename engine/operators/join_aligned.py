"""lag_behind: left rows wait for the right side, and see of it what is not later than they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import Batch
from engine.joinversions import comparable
from engine.operators.join_input import JoinBudget
from engine.operators.join_range import TICKS
from engine.operators.operator import Context, Operator, Plain
from engine.ordering import stable_order
from engine.sql.logical import Join
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved, Small

_BEFORE_ALL = np.iinfo(np.int64).min // 4
_CAME = "__came"


class _Waiting:
    """Rows of a side in order of time, of equal times in order of arrival."""

    def __init__(self, schema: pa.Schema, column: str) -> None:
        self._column = column
        self._schema = schema
        self.rows = pa.RecordBatch.from_pylist([], schema=schema)
        self.times = np.zeros(0, np.int64)
        self.came = np.zeros(0, np.int64)  # when, in milliseconds

    def add(self, rows: pa.RecordBatch, instant_ms: int) -> int:
        """Take rows in; returns the latest time among them. A row without a time waits for
        nothing."""
        times = self._times(rows)
        came = np.full(len(times), instant_ms, np.int64)
        every = np.concatenate((self.times, times))
        self.rows = pa.concat_batches([self.rows, rows])
        self.came = np.concatenate((self.came, came))
        order = stable_order(every)
        if not (order == np.arange(len(order))).all():
            self.rows, self.came = self.rows.take(pa.array(order)), self.came[order]
        self.times = every[order]
        return int(times.max()) if len(times) else _BEFORE_ALL

    def _times(self, rows: pa.RecordBatch) -> Int64s:
        times, known = comparable(rows.column(self._column))
        return np.where(known, times, _BEFORE_ALL)

    def load(self, rows: pa.RecordBatch) -> None:
        """Hold what was saved."""
        self.came = rows.column(_CAME).to_numpy()
        self.rows = rows.select(self._schema.names)
        self.times = self._times(rows)

    def take(self, count: int) -> pa.RecordBatch:
        """The first rows; they wait no more."""
        taken = self.rows.slice(0, count)
        self.rows, self.times = self.rows.slice(count), self.times[count:]
        self.came = self.came[count:]
        return taken

    def said(self) -> pa.RecordBatch | None:
        """The rows for a checkpoint."""
        if not self.rows.num_rows:
            return None
        return self.rows.append_column(_CAME, pa.array(self.came))


class AlignedJoin(Saved, Plain):
    """Gives an enrichment join its rows in order of time.

    A left row goes on when the newest right time is at most `lag_ms` before its own, or the right
    side was quiet for `quiesce_ms`, or the row waited for `latency_ms`; it then sees the right rows
    up to its own time.
    """

    def __init__(
        self, context: Context, sources: list[pa.Schema], node: Join, inner: Operator
    ) -> None:
        assert node.lag is not None, "a lag is asked for"
        self.name = "Join"
        self.schema = inner.schema
        self._inner = inner
        times, divided = TICKS[sources[0].field(node.lag.left).type.unit]
        self._lag = node.lag.lag_ms * times // divided
        self._quiet_ms = node.lag.quiesce_ms
        self._latency_ms = node.lag.latency_ms
        self._left = _Waiting(sources[0], node.lag.left)
        self._right = _Waiting(sources[1], node.lag.right)
        self._newest = _BEFORE_ALL
        self._since_ms = 0  # when the right side was last heard of, or the oldest left row came
        self._budget = JoinBudget(context, node)
        self._state = Parts(
            {
                "inner": inner,  # pyright: ignore[reportArgumentType]
                "left": Small(self._left.said, self._left.load),
                "right": Small(self._right.said, self._right.load),
                "own": Fields(self, "_newest", "_since_ms"),
            }
        )

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Append by append: hold, and let go what is due."""
        out: list[Batch] = []
        for at in range(len(batch.borders) - 1):
            begin, end = int(batch.borders[at]), int(batch.borders[at + 1])
            out.append(self._append(port, batch, batch.rows.slice(begin, end - begin)))
        self._budget.check(self.held())
        return out

    def _append(self, port: int, batch: Batch, rows: pa.RecordBatch) -> Batch:
        if port == 1:
            self._newest = max(self._newest, self._right.add(rows, batch.instant_ms))
            self._since_ms = batch.instant_ms
        else:
            if not self._left.rows.num_rows:
                self._since_ms = max(self._since_ms, batch.instant_ms)
            self._left.add(rows, batch.instant_ms)
        return self._go_on(self._newest + self._lag, batch)

    def _go_on(self, until: int, batch: Batch) -> Batch:
        """Let left rows up to a time go on, each after the right rows up to its own."""
        due = int(np.searchsorted(self._left.times, until, "right"))
        times = self._left.times[:due]
        seen = np.searchsorted(self._right.times, times, "right")
        parts: list[pa.RecordBatch] = []
        taken = 0
        starts = [*np.flatnonzero(np.diff(seen, prepend=-1)).tolist(), due]
        for begin, end in pairwise(starts):
            if seen[begin] > taken:
                self._inner.push(1, _alone(batch, self._right.take(int(seen[begin]) - taken)))
                taken = int(seen[begin])
            left = self._left.take(end - begin)
            parts += [b.rows for b in self._inner.push(0, _alone(batch, left))]
        rows = pa.concat_batches(parts) if parts else pa.RecordBatch.from_pylist([], self.schema)
        return _alone(batch, rows)

    def due_ms(self) -> int | None:
        """When rows that wait have waited long enough."""
        if not self._left.rows.num_rows:
            return None
        quiet = self._since_ms + self._quiet_ms
        return (
            min(quiet, int(self._left.came.min()) + self._latency_ms) if self._latency_ms else quiet
        )

    def tick(self, instant_ms: int) -> list[Batch]:
        """The right side was quiet, or a row waited, for too long."""
        due = self.due_ms()
        if due is None or due > instant_ms:
            return []
        if self._since_ms + self._quiet_ms <= instant_ms:
            return self._release(instant_ms)
        late = self._left.times[self._left.came + self._latency_ms <= instant_ms]
        return [self._go_on(int(late.max()), self._nothing(instant_ms))]

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """No more rows of a side: nobody waits for them."""
        self.done = port == 0 or self.done
        return self._release(instant_ms)

    def _release(self, instant_ms: int) -> list[Batch]:
        return [self._go_on(np.iinfo(np.int64).max, self._nothing(instant_ms))]

    def _nothing(self, instant_ms: int) -> Batch:
        return Batch(self._left.rows.slice(0, 0), instant_ms)

    def held(self) -> StateSize:
        """The rows that wait, and those of the join."""
        waiting = (self._left.rows, self._right.rows)
        own = StateSize(sum(r.num_rows for r in waiting), sum(r.nbytes for r in waiting))
        return self._inner.held() + own

    def close(self) -> None:
        """Free the plans."""
        self._inner.close()


def _alone(batch: Batch, rows: pa.RecordBatch) -> Batch:
    """Rows as one append of the same step."""
    return replace(batch, rows=rows, borders=np.array([0, rows.num_rows]), continues=False)
