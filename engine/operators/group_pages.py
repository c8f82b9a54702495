"""Groups of a global aggregate as rows that may go to disk (`engine.spill.Spillable`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.checkpoint import StateDelta
from engine.operators.groups import Changed, Groups
from engine.slots import Hashes, SlotTable
from engine.spill import HASH, ROWS, Mode
from engine.stateparts import Fields, Saved

_ARRIVAL, _PART, _CHANGED = "arrival", "part", "changed"


class GroupPages(Saved):
    """Keys, accumulators, order of arrival, what was sent, and whether the group is noted as
    changed since the last emission."""

    def __init__(self, groups: Groups, changed: Changed, mode: Mode) -> None:
        self._mode = mode
        self._groups = groups
        self._changed = changed
        self.parts_changed: list[int] = []  # substreams of changed groups that left the memory
        self._state = Fields(self, "parts_changed")

    @property
    def table(self) -> SlotTable:
        """The table of the groups."""
        return self._groups.keys.table

    def key_hashes(self, slots: Int64s) -> Hashes:
        """Of the GROUP BY keys."""
        return self.table.hashes(slots)

    @property
    def nbytes(self) -> int:
        """Memory of the groups."""
        return self._groups.size().bytes

    def fits(self, more: int) -> bool:
        """Whether the table need not grow."""
        return self.table.live + more <= self.table.capacity

    def purge(self, slots: Int64s) -> Int64s:
        """All slots hold something."""
        return slots

    def lift(self, groups: Sequence[Int64s]) -> list[StateDelta]:
        """Take sets of groups out."""
        if not groups:
            return []
        every = np.concatenate(groups)
        noted = self._changed.leave(every, self.table.capacity)
        lifted = [StateDelta({ROWS: self._rows(slots, noted)}) for slots in groups]
        away = self._groups.part[every[noted[every]]]
        self.parts_changed = np.union1d(self.parts_changed, away).astype(np.int64).tolist()
        self.drop(every)
        return lifted

    def _rows(self, slots: Int64s, noted: Bools) -> pa.RecordBatch:
        groups = self._groups
        columns: dict[str, pa.Array] = {
            HASH: pa.array(self.table.hashes(slots)),
            _ARRIVAL: pa.array(groups.arrival[slots]),
            _PART: pa.array(groups.part[slots]),
            _CHANGED: pa.array(noted[slots]),
        }
        columns |= {f"key{at}": key for at, key in enumerate(groups.keys.arrays(slots))}
        if groups.sent is not None:
            columns |= groups.sent.saved(slots)
        return pa.record_batch(columns | groups.accumulators.lifted(slots))

    def drop(self, slots: Int64s) -> None:
        """Free groups; none of them is noted as changed."""
        if self._groups.sent is not None:
            self._groups.sent.forget(slots)
        self._groups.free(slots)

    def lower(self, rows: StateDelta) -> Int64s:
        """Put groups back; those that are there are merged with, or left as they are."""
        held = rows.tables[ROWS]
        hashes = held.column(HASH).to_numpy()
        keys = [held.column(f"key{at}") for at in range(self.table.key_count)]
        slots, made = self._groups.take_back(hashes, keys)
        if self._mode == "replace" and not made.all():
            slots, held = slots[made], held.filter(pa.array(made))
        groups = self._groups
        np.minimum.at(groups.arrival, slots, held.column(_ARRIVAL).to_numpy())
        groups.part[slots] = held.column(_PART).to_numpy()
        if groups.sent is not None:
            sent = np.flatnonzero(held.column("sent").to_numpy(zero_copy_only=False))
            groups.sent.load(slots[sent], held.take(pa.array(sent)))
        groups.accumulators.lower(slots, held)
        noted = slots[held.column(_CHANGED).to_numpy(zero_copy_only=False)]
        if len(noted):
            self._changed.add(noted, self.table.live)
        return slots
