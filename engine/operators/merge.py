"""Rows of a coalesced stream made whole: what a row does not give is taken from the one before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import Batch
from engine.keys import key_column
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import quoted
from engine.sql.logical import Merge as Node
from engine.state import StateSize
from engine.stateparts import Saved


class Merge(Saved, Plain):
    """Keeps each key's last given values; a NULL of a new row becomes the value kept for its key.

    What no row of the key has given yet stays NULL. Rows, their order and borders stay.
    """

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Merge"
        self.schema = source
        self._at = [source.get_field_index(name) for name in node.columns]
        self._kept = [key_column(source.field(at).type) for at in self._at]
        names = tuple(quoted(name) for name in node.keys)
        self._keys = RowKeys(context, source, names, (self._save, self._load))
        self._capacity = 0
        self._budget = Budget(context)
        self._state = self._keys

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Fill the gaps; remember the last row of each key."""
        if not batch.num_rows or not self._at:
            return [batch]
        slots, made = self._keys.assign(batch)
        self._fit()
        order = np.argsort(slots, kind="stable")
        ordered = slots[order]
        head = np.ones(len(order), np.bool_)
        head[1:] = ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(head)
        lasts = order[np.append(starts[1:], len(order)) - 1]
        fresh = np.zeros(self._capacity, np.bool_)
        fresh[slots[made]] = True
        known = ~fresh[ordered[starts]]
        arrays = list(batch.rows.columns)
        for at, kept in zip(self._at, self._kept, strict=True):
            before = np.full(len(starts), -1, np.int64)
            before[known] = len(order) + np.arange(int(known.sum()))
            index = _last_given(arrays[at], order, head, before)
            stored = kept.take(ordered[starts][known]).cast(arrays[at].type)
            places = pa.array(index, mask=index < 0)
            arrays[at] = pa.concat_arrays([arrays[at], stored]).take(places)
            kept.release(slots[lasts])
            kept.store(slots[lasts], kept.encode(arrays[at]), lasts)
        self._keys.table.touch(slots)
        self._budget.check(self.held())
        rows = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return [replace(batch, rows=rows)]

    def _fit(self) -> None:
        if self._capacity < self._keys.table.capacity:
            self._capacity = self._keys.table.capacity
            for each in self._kept:
                each.grow(self._capacity)

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        return {f"v{at}": each.take(slots) for at, each in enumerate(self._kept)}

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        every = np.arange(len(slots))
        for at, each in enumerate(self._kept):
            each.store(slots, each.encode(rows.column(f"v{at}")), every)

    def held(self) -> StateSize:
        """A row per key."""
        table = self._keys.table
        return StateSize(table.live, table.nbytes + sum(each.nbytes for each in self._kept))

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()


def _last_given(values: pa.Array, order: Int64s, head: np.ndarray, before: Int64s) -> Int64s:
    """For each row the place of the last value of its key that is not NULL, up to the row itself.

    `order` brings rows of a key together, `head` marks their first; `before` is the place of the
    key's value from before the batch, -1 = none.
    """
    given = values.is_valid().to_numpy(zero_copy_only=False)[order]
    at = np.arange(len(order))
    begin = np.maximum.accumulate(np.where(head, at, 0))
    last = np.maximum.accumulate(np.where(given, at, -1))
    inside = last >= begin
    group = np.cumsum(head) - 1
    index = np.empty(len(order), np.int64)
    index[order] = np.where(inside, order[np.maximum(last, 0)], before[group])
    return index
