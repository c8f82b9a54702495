"""Rows of one side of a join: kept by slot, found by key, in order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, enlarged
from engine.keys import KeyColumn, key_column
from engine.slots import Hashes, SlotTable
from engine.slotstate import Slotted
from engine.state import StateSize

NONE = -1
# Columns of checkpoints beside those of the rows, whose names are c0, c1, ...
_WEIGHT, _ARRIVAL, _OF_KEY = "weight", "arrival", "of_key"


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

    def _encoded(self, keys: Sequence[pa.Array]) -> list[object]:
        return [c.encode(k) for c, k in zip(self._columns, keys, strict=True)]


class Chains:
    """The rows of each key as a list in order of arrival; keys and rows are slot numbers."""

    def __init__(self) -> None:
        self.head = np.zeros(0, np.int64)
        self._tail = np.zeros(0, np.int64)
        self._next = np.zeros(0, np.int64)
        self._prev = np.zeros(0, np.int64)
        self._gone = np.zeros(1, np.bool_)  # rows that are being taken out; all False between calls

    def fit(self, keys: int, rows: int) -> None:
        """Make room for key slots below `keys` and row slots below `rows`."""
        if len(self.head) < keys:
            self.head = longer(self.head, keys, NONE)
            self._tail = longer(self._tail, keys, NONE)
        if len(self._next) < rows:
            self._next = longer(self._next, rows, NONE)
            self._prev = longer(self._prev, rows, NONE)
            self._gone = np.zeros(rows + 1, np.bool_)

    def append(self, rows: Int64s, keys: Int64s) -> None:
        """Put rows, which are in no list, at the ends of the lists of their keys, in order."""
        if not len(rows):
            return
        order = np.argsort(keys, kind="stable")
        row, key = rows[order], keys[order]
        first = np.ones(len(row), np.bool_)
        first[1:] = key[1:] != key[:-1]
        last = np.append(first[1:], True)
        self._next[row[:-1]] = row[1:]
        self._prev[row[1:]] = row[:-1]
        self._next[row[last]] = NONE
        tails = self._tail[key[first]]
        self._prev[row[first]] = tails
        empty = tails == NONE
        self.head[key[first][empty]] = row[first][empty]
        self._next[tails[~empty]] = row[first][~empty]
        self._tail[key[last]] = row[last]

    def remove(self, rows: Int64s, keys: Int64s) -> None:
        """Take rows out of the lists of their keys; each row once."""
        if not len(rows):
            return
        gone = self._gone  # its last entry stands for NONE
        gone[rows] = True
        for links in (self._next, self._prev):
            # Links of rows that go jump over others that go, twice as far each time.
            moving = rows[gone[links[rows]]]
            while len(moving):
                links[moving] = links[links[moving]]
                moving = moving[gone[links[moving]]]
        after, before = self._next[rows], self._prev[rows]
        inner = before != NONE
        self._next[before[inner]] = after[inner]
        self.head[keys[~inner]] = after[~inner]
        inner = after != NONE
        self._prev[after[inner]] = before[inner]
        self._tail[keys[~inner]] = before[~inner]
        gone[rows] = False

    def walk(self, keys: Int64s) -> tuple[Int64s, Int64s]:
        """All rows of these keys (-1 = none): (index into `keys`, row), ascending, in list order.

        Takes as many rounds as the longest list has rows.
        """
        here = np.full(len(keys), NONE, np.int64)
        known = np.flatnonzero(keys != NONE)
        if len(self.head):
            here[known] = self.head[keys[known]]
        at = np.flatnonzero(here != NONE)
        here = here[at]
        indexes: list[Int64s] = []
        rows: list[Int64s] = []
        while len(at):
            indexes.append(at)
            rows.append(here)
            here = self._next[here]
            more = here != NONE
            at, here = at[more], here[more]
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        if len(rows) == 1:
            return indexes[0], rows[0]
        index = np.concatenate(indexes)
        order = np.argsort(index, kind="stable")
        return index[order], np.concatenate(rows)[order]

    @property
    def nbytes(self) -> int:
        """Memory of the links."""
        return 2 * (self.head.nbytes + self._next.nbytes)


class JoinRows:
    """The rows of a side. Slots of `keys` say which rows belong together.

    `counted`: equal rows are one slot with a weight, which may be taken away again; else every row
    has a slot of its own.
    """

    def __init__(self, schema: pa.Schema, keys: KeyTable, *, counted: bool) -> None:
        self.keys = keys
        self._counted = counted
        self._columns: list[KeyColumn] = [key_column(f.type) for f in schema]
        self.table = SlotTable(self._columns if counted else ())
        self.chains = Chains()
        self.weight = np.zeros(0, np.int64)
        self.arrival = np.zeros(0, np.int64)
        self.key = np.zeros(0, np.int64)
        self.total = np.zeros(0, np.int64)  # weight by key
        self._arrived = 0
        self._capacity = 0
        self._schema = schema
        self.state = Slotted(self.table, self._save, self._load)
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
        base = self._arrived
        self._arrived += len(keys)
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
        order = np.argsort(slots, kind="stable")
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
        by_arrival = np.argsort(arrived)
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
        self._arrived = max(self._arrived, int(arrivals.max()) + 1 if len(arrivals) else 0)


def free_keys(keys: KeyTable, touched: Int64s, *sides: JoinRows) -> None:
    """Forget those of these keys that no side has a row of."""
    candidates = np.unique(touched[touched != NONE])
    for side in sides:
        candidates = candidates[side.chains.head[candidates] == NONE]
    keys.table.free(candidates)


def longer(array: Int64s, size: int, fill: int) -> Int64s:
    """The array with `fill` behind it, `size` long."""
    made = np.full(size, fill, np.int64)
    made[: len(array)] = array
    return made
