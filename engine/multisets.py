"""Counted multisets: the values of each group that additions left and retractions did not take.

A value is an entry with a count; the entries of a group that may be asked for lie in a heap in the
order of the partial, so that the best is found anew only when its count has fallen to 0.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, enlarged, fixed_lane, is_fixed
from engine.comparing import sort_key
from engine.keys import NumberKey, key_column
from engine.slots import Hashes, SlotTable, mixed
from engine.slotstate import Slotted

_NONE = -1  # the group has no entry
_HEAP = -2  # its entries lie in a heap
_STALE_MIN = 16  # so many dead elements of a heap are left alone
_ELEMENT_BYTES = 120  # an element of a heap with its key, as measured

Element = tuple[Any, int, int]  # what is ordered by, arrival, entry


class Falling:
    """An ordering turned round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: Falling) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Falling) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]


def falling(value: Any) -> Falling:
    """What orders values from the largest down."""
    return Falling(sort_key(value))


def _keys_of(kind: pa.DataType, order: str) -> Callable[[pa.Array], list[Any]]:
    """Makes what orders values of a type; None for all when only the arrival counts."""
    if order == "arrival":
        return lambda values: [None] * len(values)
    down = order == "down"
    if is_fixed(kind):
        return lambda values: _numbers(values, down=down)
    key = falling if down else sort_key
    return lambda values: [key(value) for value in values.to_pylist()]


def _numbers(values: pa.Array, *, down: bool) -> list[int]:
    """Whole numbers in the order of the values; those of floats by their bits, NaN above all."""
    lane = fixed_lane(values).values
    if lane.dtype.kind == "f":
        bits = lane.astype(np.float64).view(np.int64)
        lane = np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)
    found: list[int] = lane.tolist()
    return [-number for number in found] if down else found


class Ranked:
    """Multisets of groups (slots of somebody else's table), values in one or more columns.

    `order`: "up" or "down" by the first column, then by arrival; "arrival". What is given out does
    not depend on how rows are cut into batches.
    """

    def __init__(self, types: Sequence[pa.DataType], order: str) -> None:
        self._group = NumberKey()
        self._values = [key_column(kind) for kind in types]
        self.table = SlotTable((self._group, *self._values))
        self._keys = _keys_of(types[0], order)
        self._count = np.zeros(0, np.int64)
        self._arrival = np.zeros(0, np.int64)
        self._places = np.zeros(0, np.int64)  # elements of heaps that name the entry
        self._sole = np.zeros(0, np.int64)  # by group: its only entry, _NONE or _HEAP
        self._heaps: dict[int, list[Element]] = {}
        self._stale: dict[int, int] = {}
        self._debts: dict[int, set[int]] = {}  # entries of a group with more taken than given
        self._elements = 0
        self._next = 0  # arrival number of the next row
        self.state = Slotted(self.table, self._save, self._load)

    def grow(self, capacity: int) -> None:
        """Make room for groups below `capacity`."""
        known = len(self._sole)
        if capacity <= known:
            return
        self._sole = enlarged(self._sole, capacity)
        self._sole[known:] = _NONE

    def _fit(self) -> None:
        capacity = self.table.capacity
        if len(self._count) < capacity:
            self._count = enlarged(self._count, capacity)
            self._arrival = enlarged(self._arrival, capacity)
            self._places = enlarged(self._places, capacity)

    # -- rows -------------------------------------------------------------------------------

    def merge(
        self, groups: Int64s, hashes: Hashes, values: Sequence[pa.Array], weights: Int64s
    ) -> None:
        """Rows in order of arrival: the group of each, its values, +1 or -1."""
        if not len(groups):
            return
        keys = [c.encode(v) for c, v in zip(self._values, values, strict=True)]
        mixture = mixed(groups, hashes.astype(np.int64))
        entries, _ = self.table.assign(mixture, (groups, *keys))
        self._fit()
        order = np.argsort(entries, kind="stable")
        ordered = entries[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        touched = ordered[starts]
        sizes = np.diff(np.r_[starts, len(ordered)])
        before = self._count[touched]
        running = np.cumsum(weights[order])
        base = running[starts] - weights[order][starts]
        running = running - np.repeat(base - before, sizes)
        after = running[starts + sizes - 1]
        # An entry whose count was at most 0 on the way arrived after that.
        places = np.arange(len(ordered))
        low = np.maximum.reduceat(np.where(running <= 0, places, -1), starts)
        came = (after > 0) & ((before <= 0) | (low >= starts))
        first = np.maximum(low + 1, starts)
        self._arrival[touched[came]] = self._next + order[first[came]]
        self._next += len(groups)
        self._count[touched] = after
        self.table.touch(touched)
        self._settle(touched, before, after, came)

    def _settle(self, touched: Int64s, before: Int64s, after: Int64s, came: Bools) -> None:
        """Entries that went leave, those that came are put where they are found."""
        groups = self._group.values[touched]
        gone = (after <= 0) & (before > 0)
        sole = self._sole[groups] == touched
        left = gone & sole
        self._sole[groups[left]] = _NONE
        self._places[touched[left]] = 0
        passed = ~sole & (gone | (came & (before > 0)))  # their elements hold no more
        for group in groups[passed].tolist():
            self._stale[group] = self._stale.get(group, 0) + 1
        self._note_debts(touched, groups, before, after)
        new = np.flatnonzero(came & ~sole)
        if len(new):
            self._put(groups[new], touched[new])
        self._free(touched[(after == 0) & (self._places[touched] == 0)])
        for group in dict.fromkeys(groups[passed].tolist()):
            self._compact(group)

    def _note_debts(self, touched: Int64s, groups: Int64s, before: Int64s, after: Int64s) -> None:
        for at in np.flatnonzero((after < 0) | (before < 0)).tolist():
            group, entry = int(groups[at]), int(touched[at])
            if after[at] < 0:
                self._debts.setdefault(group, set()).add(entry)
            elif group in self._debts:
                self._debts[group].discard(entry)
                if not self._debts[group]:
                    del self._debts[group]

    def _put(self, groups: Int64s, entries: Int64s) -> None:
        """New elements: alone in their group, or in its heap."""
        distinct, counts = np.unique(groups, return_counts=True)
        alone = np.isin(groups, distinct[counts == 1]) & (self._sole[groups] == _NONE)
        self._sole[groups[alone]] = entries[alone]
        self._places[entries[alone]] = 1
        rest = np.flatnonzero(~alone)
        if not len(rest):
            return
        former = np.unique(groups[rest])
        former = former[self._sole[former] >= 0]
        all_groups = np.concatenate((former, groups[rest]))
        all_entries = np.concatenate((self._sole[former], entries[rest]))
        self._places[self._sole[former]] = 0
        self._sole[groups[rest]] = _HEAP
        keys = self._keys(self._values[0].take(all_entries))
        arrivals = self._arrival[all_entries].tolist()
        np.add.at(self._places, all_entries, 1)
        heaps = self._heaps
        for group, key, arrival, entry in zip(
            all_groups.tolist(), keys, arrivals, all_entries.tolist(), strict=True
        ):
            heapq.heappush(heaps.setdefault(group, []), (key, arrival, entry))
        self._elements += len(all_entries)

    # -- elements of heaps ------------------------------------------------------------------

    def _holds(self, element: Element) -> bool:
        return self._count[element[2]] > 0 and self._arrival[element[2]] == element[1]

    def _drop(self, elements: Sequence[Element]) -> None:
        """Elements that are in no heap any more; entries that nothing names are freed."""
        entries = np.array([entry for _, _, entry in elements], np.int64)
        np.subtract.at(self._places, entries, 1)
        self._elements -= len(elements)
        entries = np.unique(entries)
        self._free(entries[(self._places[entries] == 0) & (self._count[entries] == 0)])

    def _free(self, entries: Int64s) -> None:
        self._places[entries] = 0
        self.table.free(entries)

    def _compact(self, group: int) -> None:
        """Throw dead elements away when they are more than the living."""
        heap = self._heaps.get(group)
        if heap is None or self._stale.get(group, 0) * 2 <= len(heap) + _STALE_MIN:
            return
        entries = np.fromiter((entry for _, _, entry in heap), np.int64, len(heap))
        arrivals = np.fromiter((arrival for _, arrival, _ in heap), np.int64, len(heap))
        holds = (self._count[entries] > 0) & (self._arrival[entries] == arrivals)
        kept = [heap[at] for at in np.flatnonzero(holds).tolist()]
        dead = [heap[at] for at in np.flatnonzero(~holds).tolist()]
        self._replace(group, kept)
        self._drop(dead)

    def _replace(self, group: int, kept: list[Element]) -> None:
        self._stale.pop(group, None)
        if kept:
            heapq.heapify(kept)
            self._heaps[group] = kept
            return
        self._heaps.pop(group, None)
        self._sole[group] = _NONE

    def _top(self, group: int) -> int:
        heap = self._heaps.get(group, [])
        dead: list[Element] = []
        while heap and not self._holds(heap[0]):
            dead.append(heapq.heappop(heap))
        if dead:
            if not heap:
                self._replace(group, heap)
            elif group in self._stale:
                self._stale[group] = max(0, self._stale[group] - len(dead))
            self._drop(dead)
        return heap[0][2] if heap else _NONE

    # -- results ----------------------------------------------------------------------------

    def best(self, groups: Int64s) -> Int64s:
        """The first entry of each group in its order, -1 = none."""
        found = self._sole[groups]
        for at in np.flatnonzero(found == _HEAP).tolist():
            found[at] = self._top(int(groups[at]))
        return found

    def values(self, entries: Int64s, at: int) -> pa.Array:
        """A column of entries; NULL where the entry is -1."""
        there = entries >= 0
        taken = self._values[at].take(np.where(there, entries, 0))
        if there.all():
            return taken
        return taken.take(pa.array(np.arange(len(entries)), mask=~there))

    def entries(self, group: int, most: int = 0) -> tuple[list[int], list[int]]:
        """The entries of a group in order and how often each is there; at least `most` values of
        them if so many are there (0 = all)."""
        sole = int(self._sole[group])
        if sole == _NONE:
            return [], []
        if sole >= 0:
            return [sole], [int(self._count[sole])]
        if not most:
            living = sorted(e for e in self._heaps.get(group, ()) if self._holds(e))
            found = [entry for _, _, entry in living]
            return found, self._count[found].tolist()
        heap = self._heaps.get(group, [])
        taken: list[Element] = []
        missing = most
        while missing > 0 and self._top(group) >= 0:
            taken.append(heapq.heappop(heap))
            missing -= int(self._count[taken[-1][2]])
        for element in taken:
            heapq.heappush(heap, element)
        if taken:  # looking for more may have found the heap empty
            self._heaps[group] = heap
            self._sole[group] = _HEAP
        found = [entry for _, _, entry in taken]
        return found, self._count[found].tolist() if found else []

    # -- upkeep -----------------------------------------------------------------------------

    def clear(self, groups: Int64s) -> None:
        """Forget these groups."""
        for group in groups.tolist():
            named = [entry for _, _, entry in self._heaps.pop(group, ())]
            self._elements -= len(named)
            if self._sole[group] >= 0:
                named.append(int(self._sole[group]))
            named += sorted(self._debts.pop(group, ()))
            self._stale.pop(group, None)
            self._sole[group] = _NONE
            entries = np.unique(np.array(named, np.int64))
            self._count[entries] = 0
            self._free(entries)

    def _save(self, entries: Int64s) -> dict[str, pa.Array]:
        return {
            "count": pa.array(self._count[entries]),
            "arrival": pa.array(self._arrival[entries]),
        }

    def _load(self, entries: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self._count[entries] = rows.column("count").to_numpy()
        self._arrival[entries] = rows.column("arrival").to_numpy()
        groups = self._group.values[entries]
        if len(groups) and int(groups.max()) >= len(self._sole):
            self.grow(1 << int(groups.max()).bit_length())
        count = self._count[entries]
        living = count > 0
        self._put(groups[living], entries[living])
        for at in np.flatnonzero(count < 0).tolist():
            self._debts.setdefault(int(groups[at]), set()).add(int(entries[at]))
        self._free(entries[count == 0])
        self._next = int(self._arrival[entries].max()) + 1 if len(entries) else 0

    @property
    def nbytes(self) -> int:
        """Memory, estimated for the heaps."""
        own = self._count.nbytes + self._arrival.nbytes + self._places.nbytes + self._sole.nbytes
        return self.table.nbytes + own + _ELEMENT_BYTES * self._elements
