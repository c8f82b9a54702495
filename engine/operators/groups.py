"""Groups of an aggregate: keys, accumulators, order of first arrival, and rows made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, Lane, enlarged
from engine.checkpoint import StateDelta
from engine.keys import key_column
from engine.operators.limit_by import ranks
from engine.operators.partials import PartialRows
from engine.operators.sent import Sent
from engine.ordering import distinct, stable_order
from engine.slots import Hashes, SlotTable
from engine.slotstate import Slotted
from engine.sql.logical import Aggregate
from engine.state import Accumulators, AnyLane, StateSize
from engine.stateparts import Parts, Saved, since_full
from engine.types import arrow_field


class Keys:
    """A slot table of group keys."""

    def __init__(self, kinds: Sequence[pa.DataType]) -> None:
        self._columns = [key_column(kind) for kind in kinds]
        self.table = SlotTable(self._columns)

    def assign(self, rows: PartialRows) -> tuple[Int64s, Bools]:
        """The slot of each row's key, and whether the row made it."""
        return self.assign_keys(rows.hashes, rows.keys)

    def assign_keys(self, hashes: Hashes, given: Sequence[pa.Array]) -> tuple[Int64s, Bools]:
        """The slot of each key, and whether it is new."""
        keys = [c.encode(k) for c, k in zip(self._columns, given, strict=True)]
        return self.table.assign(hashes, keys)

    def arrays(self, slots: Int64s) -> list[pa.Array]:
        """The keys of these slots as Arrow columns."""
        return [c.take(slots) for c in self._columns]


class Groups(Saved):
    """Groups of a global aggregate: a slot per key, and the rows of those that are left.

    `part`: the substream (PARTITION BY) of each group, 0 without.
    """

    def __init__(self, node: Aggregate, kinds: Sequence[pa.DataType]) -> None:
        self.keys = Keys(kinds)
        self.accumulators = Accumulators(node.partials)
        self.arrival = np.zeros(0, np.int64)
        self.part = np.zeros(0, np.int64)
        names = [key.name for key in node.keys]
        self._part_keys = [names.index(name) for name in node.partition]
        self._parts = Keys([kinds[at] for at in self._part_keys])
        partials = [partial.name for partial in node.partials]
        self._alive = partials.index(node.alive) if node.alive else -1
        self.sent = Sent(node.partials) if node.emit.how == "changelog" else None
        table = Slotted(self.keys.table, self._save, self._load)
        more = self.accumulators.parts
        self._state = Parts({"groups": table, "parts": Slotted(self._parts.table), **more})
        self._fit()

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        own = {"arrival": pa.array(self.arrival[slots]), "part": pa.array(self.part[slots])}
        if self.sent is not None:
            own |= self.sent.saved(slots)
        return own | self.accumulators.saved(slots)

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self.arrival[slots] = rows.column("arrival").to_numpy()
        self.part[slots] = rows.column("part").to_numpy()
        if self.sent is not None:
            self.sent.load(slots, rows)
        self.accumulators.load(slots, rows)

    def _fit(self) -> None:
        capacity = self.keys.table.capacity
        if len(self.arrival) < capacity:
            self.arrival = enlarged(self.arrival, capacity)
            self.part = enlarged(self.part, capacity)
            self.accumulators.grow(capacity)
            if self.sent is not None:
                self.sent.grow(capacity)

    def assign(self, rows: PartialRows, base: int) -> Int64s:
        """The slot of each row; new groups get the arrival number `base` + first row."""
        slots, made = self.keys.assign(rows)
        self._fit()
        self.keys.table.touch(slots)
        if made.any():
            self.arrival[slots[made]] = np.iinfo(np.int64).max
            np.minimum.at(self.arrival, slots, base + rows.first)
            if rows.parts is not None:
                keys = [rows.keys[at] for at in self._part_keys]
                self.part[slots] = self._parts.assign_keys(rows.parts, keys)[0]
        return slots

    def take_back(self, hashes: Hashes, keys: Sequence[pa.Array]) -> tuple[Int64s, Bools]:
        """Slots of keys that were here before, and which are new; these have the largest arrival
        number."""
        slots, made = self.keys.assign_keys(hashes, keys)
        self._fit()
        self.keys.table.touch(slots)
        self.arrival[slots[made]] = np.iinfo(np.int64).max
        return slots, made

    def alive(self, slots: Int64s) -> Bools:
        """Whether rows are left in these groups; over append input they always are."""
        if self._alive < 0:
            return np.ones(len(slots), np.bool_)
        return self.accumulators.columns[self._alive].capture(slots).values > 0

    def empty(self, slots: Int64s) -> Int64s:
        """Which of these groups have exactly as many rows taken away as came."""
        if self._alive < 0:
            return slots[:0]
        return slots[self.accumulators.columns[self._alive].capture(slots).values == 0]

    def left_of(self, lanes: Sequence[Lane]) -> Bools:
        """Whether rows were left in groups when these values were captured."""
        lane = lanes[self._alive]
        there = lane.values > 0
        return there if lane.valid is None else there & lane.valid

    def free(self, slots: Int64s) -> None:
        """Forget these groups."""
        self.accumulators.clear(slots)
        self.keys.table.free(slots)

    def size(self) -> StateSize:
        """What is held."""
        table = self.keys.table
        held = table.nbytes + self._parts.table.nbytes + self.accumulators.nbytes
        held += self.arrival.nbytes + self.part.nbytes
        held += 0 if self.sent is None else self.sent.nbytes
        return StateSize(table.live, held)


def merge_per_append(
    accumulators: Accumulators, slots: Int64s, appends: Int64s, lanes: Sequence[AnyLane]
) -> list[Lane]:
    """Merge row by row of each slot in order of appends; returns the slots' values after each row.

    Rows of different slots are merged together: as many rounds as the busiest slot has rows.
    """
    by_append = stable_order(appends)
    order, rank = ranks(slots[by_append])
    order = by_append[order]
    rounds = int(rank.max()) + 1 if len(rank) else 0
    if rounds <= 1:
        accumulators.merge(slots, lanes)
        return accumulators.capture(slots)
    by_rank = order[stable_order(rank)]
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

    def rows(self, arrays: Sequence[pa.Array], last: Int64s) -> pa.RecordBatch:
        """A batch of these columns; then `last`: the emit version if the query asks for it, or the
        weights of a changelog."""
        columns = [*arrays, pa.array(last)] if len(arrays) < len(self.schema) else list(arrays)
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
        self._said = -1  # parts in the checkpoints; -1 = these do not know the present parts

    def add(self, slots: Int64s, live: int) -> None:
        """Note them; the notes never grow far beyond the number of groups."""
        self._parts.append(slots)
        self._count += len(slots)
        if self._count > 2 * live + 10_000:
            self._parts = [distinct(np.concatenate(self._parts))]
            self._count = len(self._parts[0])
            self._said = -1

    def take(self) -> Int64s:
        """All of them once, and begin anew."""
        parts, self._parts, self._count = self._parts, [], 0
        self._said = -1
        return distinct(np.concatenate(parts)) if parts else np.zeros(0, np.int64)

    def leave(self, slots: Int64s, capacity: int) -> Bools:
        """These slots leave: by slot whether it was noted. Other notes stay."""
        noted = np.zeros(capacity, np.bool_)
        gone = np.zeros(capacity, np.bool_)
        gone[slots] = True
        changed = self.take()
        noted[changed] = True
        if len(changed):
            self.add(changed[~gone[changed]], capacity)
        return noted

    def peek(self) -> Int64s:
        """All of them once; they stay noted."""
        parts = self._parts
        return distinct(np.concatenate(parts)) if parts else np.zeros(0, np.int64)

    def changes(self, *, full: bool) -> StateDelta | None:
        """The notes since the last call, or all (`engine.stateparts.Part`)."""
        full = full or self._said < 0
        parts = self._parts if full else self._parts[self._said :]
        if not parts and not full:
            return None
        self._said = len(self._parts)
        slots = distinct(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
        return StateDelta({"slots": pa.record_batch({"slot": pa.array(slots)})}, {}, full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """All notes that count."""
        self._parts = [
            delta.tables["slots"].column("slot").to_numpy() for delta in since_full(deltas)
        ]
        self._count = sum(map(len, self._parts))
        self._said = len(self._parts)
