"""dedup(): the first row of every key passes, until the key is forgotten."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, counted, enlarged
from engine.batch import Batch
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import quoted, rebatched
from engine.sql.logical import Dedup as Node
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved


class Dedup(Saved, Plain):
    """A key counts from its first row on, whatever comes later: so those that came first go first.

    Too many keys are forgotten at the end of an append.
    """

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Dedup"
        self.schema = source
        self._ttl_ms = node.ttl_ms
        self._limit = node.limit
        keys = tuple(quoted(name) for name in node.keys)
        self._keys = RowKeys(context, source, keys, (self._saved, self._load))
        self._seen = np.zeros(0, np.int64)  # instant of each slot's first row
        self._number = np.zeros(0, np.int64)  # order in which the keys came
        self._next = 0
        self._queue = np.zeros(0, np.int64)  # slots in that order, from `_head` on
        self._head = 0
        self._end = 0
        self._budget = Budget(context.start)
        self._state = Parts({"keys": self._keys, "own": Fields(self, "_next")})
        self._fit()

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Pass the first rows."""
        if not batch.num_rows:
            return [batch]
        self._forget_old(batch.instant_ms)
        kept = self._whole(batch) if self._fits(batch) else self._by_append(batch)
        self._budget.check(self.held())
        if kept.all():
            return [batch]
        ends = counted(kept)
        return [rebatched(batch, batch.rows.filter(pa.array(kept)), ends[batch.borders])]

    def _fits(self, batch: Batch) -> bool:
        """Whether no key has to be forgotten inside the batch."""
        return self._keys.table.live + batch.num_rows <= self._limit

    def _by_append(self, batch: Batch) -> Bools:
        """The limit is kept after each append; of one that goes on, after its last rows."""
        kept = np.zeros(batch.num_rows, np.bool_)
        borders = batch.borders.tolist()
        for at, (begin, end) in enumerate(pairwise(borders)):
            if end > begin:
                rows = batch.rows.slice(begin, end - begin)
                one = Batch(rows, batch.instant_ms, np.array([0, end - begin]))
                kept[begin:end] = self._whole(one)
            if not (batch.continues and at == len(borders) - 2):
                self._forget(self._keys.table.live - self._limit)
        return kept

    def _whole(self, batch: Batch) -> Bools:
        slots, made = self._keys.assign(batch)
        self._fit()
        fresh = slots[made]
        self._seen[fresh] = batch.instant_ms
        self._number[fresh] = self._next + np.arange(len(fresh))
        self._next += len(fresh)
        self._enqueue(fresh)
        return made

    def _fit(self) -> None:
        capacity = self._keys.table.capacity
        if len(self._seen) < capacity:
            self._seen = enlarged(self._seen, capacity)
            self._number = enlarged(self._number, capacity)

    # -- forgetting -------------------------------------------------------------------------

    def _forget_old(self, instant_ms: int) -> None:
        if not self._ttl_ms:
            return
        seen = self._seen[self._queue[self._head : self._end]]
        self._forget(int(np.searchsorted(seen, instant_ms - self._ttl_ms, "right")))

    def _forget(self, count: int) -> None:
        """Forget so many keys, those that came first."""
        if count <= 0:
            return
        self._keys.table.free(self._queue[self._head : self._head + count])
        self._head += count

    def _enqueue(self, slots: Int64s) -> None:
        if self._end + len(slots) > len(self._queue):
            waiting = self._queue[self._head : self._end]
            queue = np.zeros(2 * (len(waiting) + len(slots)), np.int64)
            queue[: len(waiting)] = waiting
            self._queue, self._head, self._end = queue, 0, len(waiting)
        self._queue[self._end : self._end + len(slots)] = slots
        self._end += len(slots)

    # -- state ------------------------------------------------------------------------------

    def _saved(self, slots: Int64s) -> dict[str, pa.Array]:
        return {"seen": pa.array(self._seen[slots]), "number": pa.array(self._number[slots])}

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self._seen[slots] = rows.column("seen").to_numpy()
        self._number[slots] = rows.column("number").to_numpy()
        self._enqueue(slots[np.argsort(self._number[slots])])

    def held(self) -> StateSize:
        """The keys."""
        arrays = self._seen.nbytes + self._number.nbytes + self._queue.nbytes
        table = self._keys.table
        return StateSize(table.live, table.nbytes + arrays)

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()
