"""Checkpoints of a slot table with the columns beside it: rows of changed slots, freed slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import column
from engine.checkpoint import StateDelta
from engine.slots import Slots, SlotTable
from engine.stateparts import since_full

# Columns of the rows; those beside have names of their own, which must differ from these.
_SLOT = "slot"
_HASH = "hash"
_KEY = "key"  # key0, key1, ...

# The columns beside the table in these slots, as Arrow columns by name (lossless).
Save = Callable[[Slots], Mapping[str, pa.Array]]
# Put back what `Save` gave: row i belongs to slot i of the slots. The table has its capacity then.
Load = Callable[[Slots, pa.RecordBatch], None]


def _nothing(slots: Slots) -> dict[str, pa.Array]:
    return {}


def _ignore(slots: Slots, rows: pa.RecordBatch) -> None:
    pass


class Slotted:
    """A slot table as a part of a checkpoint (`engine.stateparts.Part`).

    New and freed slots are noted by the table itself; whoever changes a column beside it calls
    `table.touch(slots)`. Slot numbers are the same after a restore, so that arrays by slot and
    slots kept elsewhere stay right; which numbers later keys get may differ, so no output may
    depend on slot numbers (arrival numbers are for that).
    """

    def __init__(self, table: SlotTable, save: Save = _nothing, load: Load = _ignore) -> None:
        self._table = table
        self._save = save
        self._load = load

    def changes(self, *, full: bool) -> StateDelta | None:
        """Rows of new and touched slots, and the changed end of the stack of free slots."""
        found = self._table.changes(full=full)
        if found is None:
            return None
        columns: dict[str, pa.Array] = {_SLOT: pa.array(found.slots)}
        columns[_HASH] = pa.array(found.hashes)
        columns.update({f"{_KEY}{at}": key for at, key in enumerate(found.keys)})
        columns.update(self._save(found.slots))
        rows = pa.record_batch(columns)
        free = pa.record_batch({_SLOT: pa.array(found.free)})
        values = {"top": found.top, "kept": found.kept}
        return StateDelta({"rows": rows, "free": free}, values, found.full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The last row that was said of every slot that is not free now."""
        known = since_full(deltas)
        free = np.zeros(0, np.int64)
        for delta in known:
            above = delta.tables["free"].column(_SLOT).to_numpy()
            free = np.concatenate((free[: int(delta.values["kept"])], above))
        top = int(known[-1].values["top"]) if known else 0
        rows = latest([delta.tables["rows"] for delta in known], top, free)
        if rows is None:
            self._table.load(top, free, np.zeros(0, np.int64), np.zeros(0, np.uint64), ())
            return
        slots = rows.column(_SLOT).to_numpy()
        keys = [rows.column(f"{_KEY}{at}") for at in range(self._table.key_count)]
        self._table.load(top, free, slots, rows.column(_HASH).to_numpy(), keys)
        self._load(slots, rows)


def latest(tables: Sequence[pa.RecordBatch], top: int, free: Slots) -> pa.RecordBatch | None:
    """Of rows about slots below `top` the last of each slot, without those that are free.

    Rows ascend by slot. None = there are no tables.
    """
    if not tables:
        return None
    whole = pa.Table.from_batches(tables)
    slots = column(whole, _SLOT).to_numpy()
    last = np.full(top, -1, np.int64)
    np.maximum.at(last, slots, np.arange(len(slots)))
    last[free] = -1
    kept = whole.take(pa.array(last[last >= 0]))
    arrays = [column(kept, at) for at in range(kept.num_columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=kept.schema)
