"""LIMIT [offset,] n BY keys: rows of every key, over the whole query or per emission."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, counted, enlarged
from engine.batch import Batch
from engine.operators.gather import Whole
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import append_numbers, quoted, rebatched
from engine.ordering import stable_order
from engine.slots import Slots
from engine.sql.logical import LimitBy as Node
from engine.state import StateSize
from engine.stateparts import Parts, Saved


class LimitBy(Saved, Plain):
    """Counts rows per key; per emission the counts begin anew with each append."""

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "LimitBy"
        self.schema = source
        self._first, self._last = node.offset, node.offset + node.count
        self._per_query = node.per_query
        self._context = context
        self._node = node
        keys = tuple(quoted(key) for key in node.keys)
        self._keys = RowKeys(context, source, keys, (self._save, self._load))
        self._passed = np.zeros(self._keys.table.capacity, np.int64)
        self._whole = Whole()
        # Counts per emission are gone when it has passed.
        kept = {"keys": self._keys} if self._per_query else {"whole": self._whole}
        self._state = Parts(kept)
        self._budget = Budget(context)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Pass the first rows of each key."""
        whole = batch if self._per_query else self._whole.take(batch)
        if whole is None:
            return []
        slots, _ = self._keys.assign(whole)
        if self._per_query:
            order, rank = ranks(slots)
            if len(self._passed) < self._keys.table.capacity:
                self._passed = enlarged(self._passed, self._keys.table.capacity)
            rank = rank + self._passed[slots[order]]
            np.add.at(self._passed, slots, 1)
            self._keys.table.touch(slots)
            self._budget.check(self.held())
        else:
            appends = append_numbers(whole.borders).to_numpy().astype(np.int64)
            order, rank = ranks(slots + appends * (self._keys.table.capacity + 1))
            self._keys.table.free(self._keys.table.slots())
        kept = np.zeros(whole.num_rows, np.bool_)
        kept[order] = (rank >= self._first) & (rank < self._last)
        if kept.all():
            return [whole]
        ends = counted(kept)
        return [rebatched(whole, whole.rows.filter(pa.array(kept)), ends[whole.borders])]

    def _save(self, slots: Slots) -> dict[str, pa.Array]:
        return {"passed": pa.array(self._passed[slots])}

    def _load(self, slots: Slots, rows: pa.RecordBatch) -> None:
        self._passed = enlarged(self._passed, self._keys.table.capacity)
        self._passed[slots] = rows.column("passed").to_numpy()

    def held(self) -> StateSize:
        """The counts."""
        table = self._keys.table
        return StateSize(table.live, table.nbytes + self._passed.nbytes)

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()


def ranks(keys: Int64s) -> tuple[Int64s, Int64s]:
    """An order that brings equal keys together, and in it each row's number among its equals."""
    order = stable_order(keys)
    ordered = keys[order]
    head = np.ones(len(keys), np.bool_)
    head[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(head)
    sizes = np.diff(np.append(starts, len(keys)))
    return order, np.arange(len(keys)) - np.repeat(starts, sizes)
