"""A slot table with a row of columns beside it, as rows that may go to disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.checkpoint import StateDelta
from engine.keys import KeyColumn
from engine.slots import Hashes, Slots, SlotTable
from engine.slotstate import Load, Save
from engine.spill import HASH, ROWS


@dataclass(frozen=True, slots=True)
class Beside:
    """The columns beside a table: how they are saved and put back, and what frees those of slots
    that are about to be free. `lasting`: which rows from disk still count (None = all)."""

    save: Save
    load: Load
    release: Callable[[Slots], None]
    nbytes: Callable[[], int]
    lasting: Callable[[pa.RecordBatch], Bools] | None = None


def _saves_nothing(slots: Slots) -> dict[str, pa.Array]:
    return {}


def _ignores(slots: Slots, rows: pa.RecordBatch | None = None) -> None:
    pass


def _no_bytes() -> int:
    return 0


NOTHING_BESIDE: Final = Beside(_saves_nothing, _ignores, _ignores, _no_bytes)


class RowPages:
    """`engine.spill.Spillable` of the mode "replace"; keys are parted by the hash that they were
    assigned with."""

    def __init__(self, table: SlotTable, columns: Sequence[KeyColumn], beside: Beside) -> None:
        self._table = table
        self._columns = columns
        self._beside = beside

    @property
    def table(self) -> SlotTable:
        """The table."""
        return self._table

    def key_hashes(self, slots: Int64s) -> Hashes:
        """Of the keys."""
        return self._table.hashes(slots)

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self._table.nbytes + self._beside.nbytes()

    def fits(self, more: int) -> bool:
        """Whether the table need not grow."""
        return self.table.live + more <= self.table.capacity

    def purge(self, slots: Int64s) -> Int64s:
        """All slots hold something."""
        return slots

    def lift(self, groups: Sequence[Int64s]) -> list[StateDelta]:
        """Take sets of slots out."""
        lifted = [StateDelta({ROWS: self._rows(slots)}) for slots in groups]
        if groups:
            self.drop(np.concatenate(groups))
        return lifted

    def _rows(self, slots: Int64s) -> pa.RecordBatch:
        columns: dict[str, pa.Array] = {HASH: pa.array(self._table.hashes(slots))}
        columns |= {f"key{at}": each.take(slots) for at, each in enumerate(self._columns)}
        return pa.record_batch(columns | dict(self._beside.save(slots)))

    def drop(self, slots: Int64s) -> None:
        """Free slots."""
        self._beside.release(slots)
        self._table.free(slots)

    def lower(self, rows: StateDelta) -> Int64s:
        """Put keys back but those that are there."""
        held = rows.tables[ROWS]
        if self._beside.lasting is not None:
            held = held.filter(pa.array(self._beside.lasting(held)))
        keys = [each.encode(held.column(f"key{at}")) for at, each in enumerate(self._columns)]
        slots, made = self._table.assign(held.column(HASH).to_numpy(), keys)
        if not made.all():
            slots, held = slots[made], held.filter(pa.array(made))
        self._beside.load(slots, held)
        return slots
