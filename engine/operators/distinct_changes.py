"""DISTINCT over a changelog: a row is there while a row equal to it is there below."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, column, counted, enlarged
from engine.batch import TP_DELTA, Batch
from engine.operators.gather import Whole
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import append_numbers, quoted, rebatched
from engine.ordering import distinct, lex_order
from engine.state import StateSize
from engine.stateparts import Parts, Saved


class DistinctChanges(Saved, Plain):
    """Counts equal rows; +1 when an append brings the first, -1 when one takes the last away."""

    def __init__(self, context: Context, source: pa.Schema) -> None:
        self.name = "Distinct"
        self.schema = source
        names = tuple(quoted(n) for n in source.names if n != TP_DELTA)
        self._at = source.get_field_index(TP_DELTA)
        self._keys = RowKeys(context, source, names, (self._save, self._load))
        self._count = np.zeros(0, np.int64)  # by slot
        self._whole = Whole()
        self._state = Parts({"keys": self._keys, "whole": self._whole})
        self._budget = Budget(context)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """What each append changes, where its first row of that kind stands."""
        whole = self._whole.take(batch)
        if whole is None:
            return []
        if not whole.num_rows:
            return [whole]
        slots, _ = self._keys.assign(whole)
        self._fit()
        self._budget.check(self.held())
        appends = append_numbers(whole.borders).to_numpy().astype(np.int64)
        rows, signs = self._changes(slots, appends, self._weights(whole))
        self._keys.table.touch(slots)
        touched = distinct(slots)
        self._keys.table.free(touched[self._count[touched] == 0])
        kept = np.zeros(whole.num_rows, np.bool_)
        kept[rows] = True
        weights = np.zeros(whole.num_rows, np.int8)
        weights[rows] = signs
        arrays = list(whole.rows.columns)
        arrays[self._at] = pa.array(weights)
        made = pa.RecordBatch.from_arrays(arrays, schema=self.schema).filter(pa.array(kept))
        return [rebatched(whole, made, counted(kept)[whole.borders])]

    def _weights(self, batch: Batch) -> Int64s:
        return column(batch.rows, TP_DELTA).to_numpy().astype(np.int64)

    def _changes(self, slots: Int64s, appends: Int64s, weights: Int64s) -> tuple[Int64s, Int64s]:
        """Rows of the batch that stand for a change, and which: +1 or -1."""
        order = lex_order((appends, slots))
        slot, append = slots[order], appends[order]
        first = np.ones(len(order), np.bool_)  # of the rows of one slot in one append
        first[1:] = (slot[1:] != slot[:-1]) | (append[1:] != append[:-1])
        starts = np.flatnonzero(first)
        net = np.add.reduceat(weights[order], starts)
        slot = slot[starts]
        head = np.ones(len(starts), np.bool_)
        head[1:] = slot[1:] != slot[:-1]
        sums = np.cumsum(net)
        heads = np.flatnonzero(head)
        base = (sums[heads] - net[heads])[np.cumsum(head) - 1]
        after = self._count[slot] + sums - base
        before = after - net
        last = np.append(heads[1:], len(starts)) - 1
        self._count[slot[last]] = after[last]
        signs = (after > 0).astype(np.int64) - (before > 0).astype(np.int64)
        changed = np.flatnonzero(signs)
        return order[starts[changed]], signs[changed]

    def _fit(self) -> None:
        if len(self._count) < self._keys.table.capacity:
            self._count = enlarged(self._count, self._keys.table.capacity)

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        return {"count": pa.array(self._count[slots])}

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self._count[slots] = rows.column("count").to_numpy()

    def held(self) -> StateSize:
        """The rows that are there."""
        table = self._keys.table
        return StateSize(table.live, table.nbytes + self._count.nbytes)

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()
