"""Groups of an aggregate: keys, accumulators, order of first arrival, and rows made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, Lane, enlarged
from engine.keys import key_column
from engine.operators.limit_by import ranks
from engine.operators.partials import PartialRows
from engine.slots import SlotTable
from engine.sql.logical import Aggregate
from engine.state import Accumulators, StateSize
from engine.types import arrow_field


class Keys:
    """A slot table of group keys."""

    def __init__(self, kinds: Sequence[pa.DataType]) -> None:
        self._columns = [key_column(kind) for kind in kinds]
        self.table = SlotTable(self._columns)

    def assign(self, rows: PartialRows) -> tuple[Int64s, Bools]:
        """The slot of each row's key, and whether the row made it."""
        keys = [c.encode(k) for c, k in zip(self._columns, rows.keys, strict=True)]
        return self.table.assign(rows.hashes, keys)

    def arrays(self, slots: Int64s) -> list[pa.Array]:
        """The keys of these slots as Arrow columns."""
        return [c.take(slots) for c in self._columns]


class Groups:
    """Groups of a global aggregate: a slot per key, kept for ever."""

    def __init__(self, node: Aggregate, kinds: Sequence[pa.DataType]) -> None:
        self.keys = Keys(kinds)
        self.accumulators = Accumulators(node.partials)
        self.arrival = np.zeros(0, np.int64)
        self._fit()

    def _fit(self) -> None:
        capacity = self.keys.table.capacity
        if len(self.arrival) < capacity:
            self.arrival = enlarged(self.arrival, capacity)
            self.accumulators.grow(capacity)

    def assign(self, rows: PartialRows, base: int) -> Int64s:
        """The slot of each row; new groups get the arrival number `base` + first row."""
        slots, made = self.keys.assign(rows)
        self._fit()
        if made.any():
            self.arrival[slots[made]] = np.iinfo(np.int64).max
            np.minimum.at(self.arrival, slots, base + rows.first)
        return slots

    def size(self) -> StateSize:
        """What is held."""
        table = self.keys.table
        held = table.nbytes + self.arrival.nbytes + self.accumulators.nbytes
        return StateSize(table.live, held)


def merge_per_append(
    accumulators: Accumulators, slots: Int64s, appends: Int64s, lanes: Sequence[Lane]
) -> list[Lane]:
    """Merge row by row of each slot in order of appends; returns the slots' values after each row.

    Rows of different slots are merged together: as many rounds as the busiest slot has rows.
    """
    by_append = np.argsort(appends, kind="stable")
    order, rank = ranks(slots[by_append])
    order = by_append[order]
    rounds = int(rank.max()) + 1 if len(rank) else 0
    if rounds <= 1:
        accumulators.merge(slots, lanes)
        return accumulators.capture(slots)
    by_rank = order[np.argsort(rank, kind="stable")]
    borders = np.searchsorted(np.sort(rank), np.arange(rounds + 1))
    captured: list[Lane] = []
    for at in range(rounds):
        rows = by_rank[borders[at] : borders[at + 1]]
        accumulators.merge(slots[rows], [lane.take(rows) for lane in lanes])
        now = accumulators.capture(slots[rows])
        if not captured:
            captured = [
                Lane(np.empty(len(slots), lane.values.dtype), np.zeros(len(slots), np.bool_))
                for lane in now
            ]
        for whole, part in zip(captured, now, strict=True):
            whole.values[rows] = part.values
            assert whole.valid is not None
            whole.valid[rows] = True if part.valid is None else part.valid
    return captured


class Layout:
    """Rows of an aggregate's output, columns in the order of its schema and of its types."""

    def __init__(self, node: Aggregate) -> None:
        self.schema = pa.schema([arrow_field(c.name, c.type) for c in node.schema])
        self._versioned = bool(node.emit.emit_version)

    def rows(self, arrays: Sequence[pa.Array], versions: Int64s) -> pa.RecordBatch:
        """A batch of these columns, the emit version last if the query asks for it."""
        columns = [*arrays, pa.array(versions)] if self._versioned else list(arrays)
        fitting = [
            made if made.type.equals(f.type) else made.cast(f.type)
            for made, f in zip(columns, self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(fitting, schema=self.schema)


class Changed:
    """Slots that changed since the last emission."""

    def __init__(self) -> None:
        self._parts: list[Int64s] = []
        self._count = 0

    def add(self, slots: Int64s, live: int) -> None:
        """Note them; the notes never grow far beyond the number of groups."""
        self._parts.append(slots)
        self._count += len(slots)
        if self._count > 2 * live + 10_000:
            self._parts = [np.unique(np.concatenate(self._parts))]
            self._count = len(self._parts[0])

    def take(self) -> Int64s:
        """All of them once, and begin anew."""
        parts, self._parts, self._count = self._parts, [], 0
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
