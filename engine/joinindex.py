"""Rows of one side of a join: kept by slot, found by key, in order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, enlarged
from engine.keys import KeyColumn, key_column
from engine.ordering import distinct, stable_order
from engine.rowlists import NONE, RowLists
from engine.slots import Hashes, SlotTable
from engine.slotstate import Slotted
from engine.state import StateSize
from engine.stateparts import Fields, Parts

# Columns of checkpoints beside those of the rows, whose names are c0, c1, ...
_WEIGHT, _ARRIVAL, _OF_KEY, _IDENTITY = "weight", "arrival", "of_key", "identity"


@dataclass(frozen=True, slots=True)
class SideRows:
    """Rows of a batch as a join sees them.

    `columns` without `_tp_delta`, `weights` what that said (None = all 1), `keys` the columns of
    the join key, `hashes` of them, `known` whether no part of the key is NULL, `identity` hashes
    of whole rows (empty when nobody asked).
    """

    columns: list[pa.Array]
    weights: Int64s | None
    keys: list[pa.Array]
    hashes: Hashes
    known: Bools
    identity: Hashes


class KeyTable:
    """The join keys that a side has rows of; a key goes with its last row."""

    def __init__(self, kinds: Sequence[pa.DataType]) -> None:
        self._columns = [key_column(kind) for kind in kinds]
        self.table = SlotTable(self._columns)

    def assign(self, rows: SideRows) -> Int64s:
        """The key's slot of each row, made if it is new; -1 where a part of it is NULL."""
        if rows.known.all():
            return self.table.assign(rows.hashes, self._encoded(rows.keys))[0]
        found = np.full(len(rows.known), NONE, np.int64)
        there = np.flatnonzero(rows.known)
        keys = [k.take(pa.array(there)) for k in rows.keys]
        found[there] = self.table.assign(rows.hashes[there], self._encoded(keys))[0]
        return found

    def find(self, rows: SideRows) -> Int64s:
        """The key's slot of each row; -1 where it is not there, or a part of it is NULL."""
        found = self.table.find(rows.hashes, self._encoded(rows.keys))
        found[~rows.known] = NONE
        return found

    def put(self, hashes: Hashes, keys: Sequence[pa.Array]) -> tuple[Int64s, Bools]:
        """The slot of each key, made if it is new, and which row made it."""
        return self.table.assign(hashes, self._encoded(keys))

    def take(self, slots: Int64s) -> list[pa.Array]:
        """The columns of these keys."""
        return [each.take(slots) for each in self._columns]

    def _encoded(self, keys: Sequence[pa.Array]) -> list[object]:
        return [c.encode(k) for c, k in zip(self._columns, keys, strict=True)]


class JoinRows:
    """The rows of a side. Slots of `keys` say which rows belong together.

    `counted`: equal rows are one slot with a weight, which may be taken away again; else every row
    has a slot of its own.
    """

    def __init__(self, schema: pa.Schema, keys: KeyTable, *, counted: bool) -> None:
        self.keys = keys
        self._counted = counted
        self._columns: list[KeyColumn] = [key_column(f.type) for f in schema]
        self.table = SlotTable(self._columns if counted else (), searched=counted)
        self.chains = RowLists()
        self.weight = np.zeros(0, np.int64)
        self.arrival = np.zeros(0, np.int64)
        self.key = np.zeros(0, np.int64)
        self.total = np.zeros(0, np.int64)  # weight by key
        self.arrived = 0  # rows that came, those that are gone with them
        self._capacity = 0
        self._schema = schema
        rows = Slotted(self.table, self._save, self._load)
        self.state = Parts({"rows": rows, "own": Fields(self, "arrived")})
        self.fit()

    def fit(self) -> None:
        """Make room for what the tables of rows and keys hold by now."""
        rows, keys = self.table.capacity, self.keys.table.capacity
        if self._capacity < rows:
            self.weight = enlarged(self.weight, rows)
            self.arrival = enlarged(self.arrival, rows)
            self.key = enlarged(self.key, rows)
            for each in () if self._counted else self._columns:
                each.grow(rows)
            self._capacity = rows
        if len(self.total) < keys:
            self.total = enlarged(self.total, keys)
        self.chains.fit(keys, rows)

    def add(self, rows: SideRows, keys: Int64s, kept: Int64s | None = None) -> Int64s:
        """Take rows of a batch in (`kept`: those alone) whose keys have these slots.

        A row whose key is NULL is never found and not kept. Returns the slots of rows that are
        new, in order of arrival.
        """
        index = np.flatnonzero(keys != NONE) if kept is None else kept[keys[kept] != NONE]
        base = self.arrived
        self.arrived += len(keys)
        if not len(index):
            return index
        if self._counted:
            return self._merge(rows, keys, index, base)
        slots, _ = self.table.assign((base + index).astype(np.uint64))
        self.fit()
        for each, array in zip(self._columns, rows.columns, strict=True):
            each.store(slots, each.encode(array), index)
        self.weight[slots] = 1
        self._link(slots, keys[index], base + index)
        return slots

    def _link(self, slots: Int64s, keys: Int64s, arrivals: Int64s) -> None:
        self.arrival[slots] = arrivals
        self.key[slots] = keys
        self.chains.append(slots, keys)
        np.add.at(self.total, keys, self.weight[slots])

    def _merge(self, rows: SideRows, keys: Int64s, index: Int64s, base: int) -> Int64s:
        """Add weights row by row; a row whose weight was 0 in between arrives anew."""
        taken = pa.array(index)
        columns = [c.take(taken) for c in rows.columns] if len(index) < len(keys) else rows.columns
        encoded = [c.encode(a) for c, a in zip(self._columns, columns, strict=True)]
        slots, _ = self.table.assign(rows.identity[index], encoded)
        self.fit()
        weights = np.ones(len(keys), np.int64) if rows.weights is None else rows.weights
        order = stable_order(slots)
        slot, weight, at = slots[order], weights[index][order], index[order]
        first = np.ones(len(slot), np.bool_)
        first[1:] = slot[1:] != slot[:-1]
        starts = np.flatnonzero(first)
        ends = np.append(starts[1:], len(slot)) - 1
        group = np.cumsum(first) - 1
        sums = np.cumsum(weight)
        before = self.weight[slot[starts]]
        running = sums - (sums[starts] - weight[starts])[group] + before[group]
        final, each = running[ends], slot[starts]
        # The place of the row after which the weight was last not 0 all along.
        zero = np.where(running == 0, np.arange(len(slot)), NONE)
        last_zero = np.maximum.reduceat(zero, starts)
        was, now, broken = before != 0, final != 0, last_zero != NONE
        reborn = now & (broken | ~was)
        gone = was & (broken | ~now)
        old = self.key[each]
        np.add.at(self.total, old[was], -before[was])
        self.chains.remove(each[gone], old[gone])
        self.weight[each] = final
        self.table.touch(each)
        stays = now & ~reborn
        np.add.at(self.total, old[stays], final[stays])
        birth = np.where(broken, last_zero + 1, starts)[reborn]
        arrived = at[birth]
        by_arrival = stable_order(arrived)
        fresh, born = each[reborn][by_arrival], arrived[by_arrival]
        self._link(fresh, keys[born], base + born)
        self.table.free(each[~now])
        return fresh

    def remove(self, slots: Int64s) -> None:
        """Forget these rows; each slot once."""
        keys = self.key[slots]
        np.add.at(self.total, keys, -self.weight[slots])
        self.chains.remove(slots, keys)
        self.weight[slots] = 0
        if not self._counted:
            for each in self._columns:
                each.release(slots)
        self.table.free(slots)

    def lifted(self, slots: Int64s) -> dict[str, pa.Array]:
        """These rows whole, for `lower`; they stay as they are."""
        columns = {
            _WEIGHT: pa.array(self.weight[slots]),
            _ARRIVAL: pa.array(self.arrival[slots]),
            _IDENTITY: pa.array(self.table.hashes(slots)),
        }
        taken = enumerate(each.take(slots) for each in self._columns)
        return columns | {f"c{at}": array for at, array in taken}

    def lower(self, rows: pa.RecordBatch, keys: Int64s) -> Int64s:
        """Put back rows, none of which is there, of keys that have no others."""
        arrivals = rows.column(_ARRIVAL).to_numpy()
        encoded = [c.encode(rows.column(f"c{at}")) for at, c in enumerate(self._columns)]
        identity = rows.column(_IDENTITY).to_numpy()
        slots, _ = self.table.assign(identity, encoded if self._counted else ())
        self.fit()
        every = np.arange(len(slots))
        if not self._counted:
            for each, values in zip(self._columns, encoded, strict=True):
                each.store(slots, values, every)
        self.weight[slots] = rows.column(_WEIGHT).to_numpy()
        order = np.argsort(arrivals, kind="stable")
        self._link(slots[order], keys[order], arrivals[order])
        return slots[order]

    def take(self, slots: Int64s) -> list[pa.Array]:
        """The columns of these rows."""
        taken = [each.take(slots) for each in self._columns]
        fields = zip(taken, self._schema, strict=True)
        return [t if t.type.equals(f.type) else t.cast(f.type) for t, f in fields]

    def slots(self) -> Int64s:
        """All rows by slot."""
        return self.table.slots()

    def held(self) -> StateSize:
        """What it keeps, the keys included."""
        size = self.table.nbytes + self.chains.nbytes + self.keys.table.nbytes
        size += self.weight.nbytes + self.arrival.nbytes + self.key.nbytes + self.total.nbytes
        if not self._counted:
            size += sum(each.nbytes for each in self._columns)
        return StateSize(self.table.live, size)

    # -- checkpoints ------------------------------------------------------------------------

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        found = {
            _WEIGHT: pa.array(self.weight[slots]),
            _ARRIVAL: pa.array(self.arrival[slots]),
            _OF_KEY: pa.array(self.key[slots]),
        }
        if not self._counted:
            taken = enumerate(each.take(slots) for each in self._columns)
            found.update({f"c{at}": array for at, array in taken})
        return found

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self.fit()
        every = np.arange(len(slots))
        if not self._counted:
            for at, each in enumerate(self._columns):
                each.store(slots, each.encode(rows.column(f"c{at}")), every)
        self.weight[slots] = rows.column(_WEIGHT).to_numpy()
        arrivals = rows.column(_ARRIVAL).to_numpy()
        order = np.argsort(arrivals)
        keys = rows.column(_OF_KEY).to_numpy()
        self.chains.fit(int(keys.max()) + 1 if len(keys) else 0, self.table.capacity)
        if len(keys) and len(self.total) <= int(keys.max()):
            self.total = enlarged(self.total, int(keys.max()) + 1)
        self._link(slots[order], keys[order], arrivals[order])


def free_keys(keys: KeyTable, touched: Int64s, *sides: JoinRows) -> None:
    """Forget those of these keys that no side has a row of."""
    candidates = distinct(touched[touched != NONE])
    for side in sides:
        candidates = candidates[side.chains.empty(candidates)]
    keys.table.free(candidates)
