"""Groups of windows as rows that may go to disk (`engine.spill.Spillable`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.checkpoint import StateDelta
from engine.operators.cells import Cells
from engine.operators.groups import Changed
from engine.slots import Hashes, SlotTable
from engine.spill import HASH, ROWS

_CELL, _SUBSTREAM, _ARRIVAL, _CHANGED = "cell", "substream", "arrival", "changed"


class CellPages:
    """All cells of a key are in one partition, so that its windows can be merged of them; a
    partition is visited by its lowest cell."""

    def __init__(self, cells: Cells, changed: Changed) -> None:
        self._cells = cells
        self._changed = changed

    @property
    def table(self) -> SlotTable:
        """The table of the groups."""
        return self._cells.table

    def key_hashes(self, slots: Int64s) -> Hashes:
        """Of the GROUP BY keys."""
        return self._cells.keys.table.hashes(self._cells.key[slots])

    @property
    def nbytes(self) -> int:
        """Memory of the groups."""
        return self._cells.size().bytes

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
        lifted = [
            StateDelta(
                {ROWS: self._rows(slots, noted)}, {"low": int(self._cells.cell[slots].min())}
            )
            for slots in groups
        ]
        self._cells.free(every)
        return lifted

    def _rows(self, slots: Int64s, noted: Bools) -> pa.RecordBatch:
        cells = self._cells
        columns: dict[str, pa.Array] = {
            HASH: pa.array(self.key_hashes(slots)),
            _CELL: pa.array(cells.cell[slots]),
            _SUBSTREAM: pa.array(cells.substream[slots]),
            _ARRIVAL: pa.array(cells.arrival[slots]),
            _CHANGED: pa.array(noted[slots]),
        }
        columns |= {f"key{at}": key for at, key in enumerate(cells.keys.arrays(cells.key[slots]))}
        if cells.sent is not None:
            columns |= cells.sent.saved(slots)
        return pa.record_batch(columns | cells.accumulators.lifted(slots))

    def drop(self, slots: Int64s) -> None:
        """Free groups and the notes that they changed, which those on disk keep."""
        self._changed.leave(slots, self.table.capacity)
        self._cells.free(slots)

    def lower(self, rows: StateDelta) -> Int64s:
        """Put groups back, or merge them with what came before."""
        held, cells = rows.tables[ROWS], self._cells
        hashes = held.column(HASH).to_numpy()
        keys = [held.column(f"key{at}") for at in range(cells.keys.table.key_count)]
        of = held.column(_CELL).to_numpy()
        slots = cells.take_back(hashes, keys, of, held.column(_SUBSTREAM).to_numpy())
        np.minimum.at(cells.arrival, slots, held.column(_ARRIVAL).to_numpy())
        if cells.sent is not None:
            sent = np.flatnonzero(held.column("sent").to_numpy(zero_copy_only=False))
            cells.sent.load(slots[sent], held.take(pa.array(sent)))
        cells.accumulators.lower(slots, held)
        noted = slots[held.column(_CHANGED).to_numpy(zero_copy_only=False)]
        if len(noted):
            self._changed.add(noted, self.table.live)
        return slots
