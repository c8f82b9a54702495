"""Join keys with their rows on all sides, as rows that may go to disk (`engine.spill`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.checkpoint import StateDelta
from engine.joinindex import JoinRows, KeyTable
from engine.slots import Hashes, SlotTable
from engine.spill import HASH, ROWS

_KEY = "key"  # key0, key1, ...


def _nothing(slots: Int64s) -> None:
    pass


class JoinPages:
    """A key leaves with all its rows; a key without rows stays as long as files may have some of
    it. `left` is told of keys that leave, `came` of rows of the first side that come back."""

    def __init__(
        self,
        keys: KeyTable,
        sides: Sequence[JoinRows],
        left: Callable[[Int64s], None] = _nothing,
        came: Callable[[Int64s], None] = _nothing,
    ) -> None:
        self._keys = keys
        self._sides = list(sides)
        self._left = left
        self._came = came

    @property
    def table(self) -> SlotTable:
        """The table of the keys."""
        return self._keys.table

    def key_hashes(self, slots: Int64s) -> Hashes:
        """Of join keys."""
        return self.table.hashes(slots)

    @property
    def nbytes(self) -> int:
        """Memory in use; what hangs on the keys is counted by each side."""
        return sum(side.held().bytes for side in self._sides)

    def fits(self, more: int) -> bool:
        """Whether no table has to grow."""
        tables = [self.table, *(side.table for side in self._sides)]
        return all(each.live + more <= each.capacity for each in tables)

    def lift(self, groups: Sequence[Int64s]) -> list[StateDelta]:
        """Take sets of keys out, with their rows."""
        lifted: list[StateDelta] = []
        for keys in groups:
            tables = {ROWS: pa.record_batch(self._named(keys))}
            for at, side in enumerate(self._sides):
                index, slots = side.chains.walk(keys)
                columns = self._named(keys[index])
                tables[f"side{at}"] = pa.record_batch(columns | side.lifted(slots))
            lifted.append(StateDelta(tables))
        if groups:
            self.drop(np.concatenate(groups))
        return lifted

    def _named(self, keys: Int64s) -> dict[str, pa.Array]:
        columns = {f"{_KEY}{at}": key for at, key in enumerate(self._keys.take(keys))}
        return {HASH: pa.array(self.table.hashes(keys))} | columns

    def drop(self, slots: Int64s) -> None:
        """Free keys and their rows."""
        self._left(slots)
        for side in self._sides:
            side.remove(side.chains.walk(slots)[1])
        self.table.free(slots)

    def purge(self, slots: Int64s) -> Int64s:
        """Free those of these keys, all of a partition, that have no rows; returns the others."""
        empty = np.ones(len(slots), np.bool_)
        for side in self._sides:
            side.fit()
            empty &= side.chains.empty(slots)
        self.table.free(slots[empty])
        return slots[~empty]

    def lower(self, rows: StateDelta) -> Int64s:
        """Put keys back with their rows, but those that are there."""
        hashes, arrays = self._of(rows.tables[ROWS])
        slots, made = self._keys.put(hashes, arrays)
        fresh = np.zeros(self.table.capacity, np.bool_)
        fresh[slots[made]] = True
        for at, side in enumerate(self._sides):
            held = rows.tables[f"side{at}"]
            hashes, arrays = self._of(held)
            keys, _ = self._keys.put(hashes, arrays)
            mine = fresh[keys]
            came = side.lower(held.filter(pa.array(mine)), keys[mine])
            if at == 0:
                self._came(came)
        return slots[made]

    def _of(self, rows: pa.RecordBatch) -> tuple[Hashes, list[pa.Array]]:
        keys = [rows.column(f"{_KEY}{at}") for at in range(self.table.key_count)]
        return rows.column(HASH).to_numpy(), keys
