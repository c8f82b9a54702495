"""dedup(): the first row of every key passes, until the key is forgotten."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, counted
from engine.batch import Batch
from engine.operators.keyed import RowKeys
from engine.operators.oldest import Instants, Oldest
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import quoted, rebatched
from engine.rowpages import Beside
from engine.sql.logical import Dedup as Node
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved

_NUMBER = "number"


class Dedup(Saved, Plain):
    """A key counts from its first row on, whatever comes later: so those that came first go first.

    Too many keys are forgotten at the end of an append.
    """

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Dedup"
        self.schema = source
        self._ttl_ms = node.ttl_ms
        self._limit = node.limit
        self._oldest = Oldest()
        self._instants = Instants()
        beside = Beside(
            self._saved, self._load, self._oldest.leave, lambda: self._oldest.nbytes, self._lasting
        )
        keys = tuple(quoted(name) for name in node.keys)
        self._keys = RowKeys(context, source, keys, (self._saved, self._load), beside)
        self._budget = Budget(context)
        numbers = Fields(self._oldest, "next", "floor")
        self._state = Parts({"keys": self._keys, "numbers": numbers, "instants": self._instants})
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
        return self._oldest.live + batch.num_rows <= self._limit

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
                self._forget(self._oldest.next - self._limit)
        return kept

    def _whole(self, batch: Batch) -> Bools:
        slots, made = self._keys.assign(batch)
        self._fit()
        fresh = slots[made]
        if self._ttl_ms and len(fresh):
            self._instants.note(batch.instant_ms, self._oldest.next)
        self._oldest.add(fresh)
        return made

    def _fit(self) -> None:
        self._oldest.fit(self._keys.table.capacity)

    # -- forgetting -------------------------------------------------------------------------

    def _forget_old(self, instant_ms: int) -> None:
        if self._ttl_ms:
            self._forget(self._instants.after(instant_ms - self._ttl_ms, self._oldest.next))

    def _forget(self, floor: int) -> None:
        """Forget the keys that came before the one of this number."""
        if floor <= self._oldest.floor:
            return
        self._keys.table.free(self._oldest.forget(floor))
        self._instants.forget(floor)

    # -- state ------------------------------------------------------------------------------

    def _saved(self, slots: Int64s) -> dict[str, pa.Array]:
        return {_NUMBER: pa.array(self._oldest.number[slots])}

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self._oldest.put_back(slots, rows.column(_NUMBER).to_numpy())

    def _lasting(self, rows: pa.RecordBatch) -> Bools:
        """Which keys on disk are not forgotten."""
        lasting: Bools = rows.column(_NUMBER).to_numpy() >= self._oldest.floor
        return lasting

    def held(self) -> StateSize:
        """The keys."""
        own = StateSize(0, self._oldest.nbytes + self._instants.nbytes)
        return self._keys.held() + own

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()
