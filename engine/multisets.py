"""Counted multisets: the values of each group that additions left and retractions did not take.

A value is an entry with a count. The best entry of a group is known until it goes; then it is
looked for among all of the group. Large groups in which that happens often are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.arrays import Bools, Int64s, enlarged, fixed_lane, is_fixed
from engine.comparing import sort_key
from engine.keys import NumberKey, key_column
from engine.ordering import lex_order, stable_order
from engine.rowlists import RowLists
from engine.slots import Hashes, SlotTable, mixed
from engine.slotstate import Slotted

_FIRST = " by first field"
_NONE = -1  # the group has no entry
_LOST = -2  # which one is the best has to be found out
_SORTED_MIN = 4_096  # looking through so many entries of a group costs less than sorting them
_CHUNK = 64
_SIGN = np.uint64(1 << 63)

Keys = npt.NDArray[Any]  # what orders entries: int64, or objects


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


def _keys_of(kind: pa.DataType, order: str) -> Callable[[pa.Array], Keys]:
    """Makes what orders values of a type; 0 for all when only the arrival counts."""
    if order == "arrival":
        return lambda values: np.zeros(len(values), np.int64)
    if order.endswith(_FIRST):
        plain = order.removesuffix(_FIRST)
        if not pa.types.is_struct(kind):
            return _keys_of(kind, plain)
        first = _keys_of(kind.field(0).type, plain)
        return lambda values: first(values.field(0))
    down = order == "down"
    if is_fixed(kind):
        return lambda values: _numbers(values, down=down)
    key = falling if down else sort_key
    return lambda values: _objects([key(value) for value in values.to_pylist()])


def _objects(keys: list[Any]) -> Keys:
    made = np.empty(len(keys), object)
    made[:] = keys
    return made


def _numbers(values: pa.Array, *, down: bool) -> Int64s:
    """Whole numbers in the order of the values; those of floats by their bits, NaN above all."""
    lane = fixed_lane(values).values
    if lane.dtype.kind == "f":
        bits = lane.astype(np.float64).view(np.int64)
        lane = np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)
    elif lane.dtype == np.uint64:
        lane = (lane ^ _SIGN).view(np.int64)
    found = lane.astype(np.int64)
    return ~found if down else found


@dataclass(slots=True)
class _Order:
    """Entries of a group from the best to the last as they were when it was sorted.

    One whose arrival number differs by now is gone. `at`: all before it are gone.
    """

    entries: Int64s
    arrivals: Int64s
    at: int = 0


class Ranked:
    """Multisets of groups (slots of somebody else's table), values in one or more columns.

    `order`: "up" or "down" by the first column, then by arrival; "arrival"; "up by first field" or
    "down by first field" of tuples in the first column. What is given out does not depend on how
    rows are cut into batches.
    """

    def __init__(self, types: Sequence[pa.DataType], order: str) -> None:
        self._group = NumberKey()
        self._values = [key_column(kind) for kind in types]
        self.table = SlotTable((self._group, *self._values))
        self._keys = _keys_of(types[0], order)
        kind = self._keys(pa.array([], types[0])).dtype
        self._count = np.zeros(0, np.int64)
        self._arrival = np.zeros(0, np.int64)
        self._listed = np.zeros(0, np.bool_)  # entries in `_lists`; others are in `_orders`
        self._best = np.zeros(0, np.int64)  # by group: its best entry, _NONE or _LOST
        self._best_key: Keys = np.zeros(0, kind)
        self._living = np.zeros(0, np.int64)  # by group: how many values it has
        self._looked = np.zeros(0, np.int64)  # by group: entries looked through since it was sorted
        self._lists = RowLists()
        self._orders: dict[int, _Order] = {}
        self._debts: dict[int, set[int]] = {}  # entries of a group with more taken than given
        self._next = 0  # arrival number of the next row
        self.state = Slotted(self.table, self._save, self._load)

    def grow(self, capacity: int) -> None:
        """Make room for groups below `capacity`."""
        known = len(self._best)
        if capacity <= known:
            return
        self._best = enlarged(self._best, capacity)
        self._best[known:] = _NONE
        self._best_key = enlarged(self._best_key, capacity)
        self._living = enlarged(self._living, capacity)
        self._looked = enlarged(self._looked, capacity)
        self._lists.fit(capacity, len(self._count))

    def _fit(self) -> None:
        capacity = self.table.capacity
        if len(self._count) < capacity:
            self._count = enlarged(self._count, capacity)
            self._arrival = enlarged(self._arrival, capacity)
            self._listed = enlarged(self._listed, capacity)
            self._lists.fit(len(self._best), capacity)

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
        order = stable_order(entries)
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
        np.add.at(self._living, groups, (after > 0).astype(np.int64) - (before > 0))
        self._note_debts(touched, groups, before, after)
        listed = self._listed[touched]
        leaves = gone & listed
        self._lists.remove(touched[leaves], groups[leaves])
        self._listed[touched[leaves]] = False
        enters = came & ~listed
        self._lists.append(touched[enters], groups[enters])
        self._listed[touched[enters]] = True
        lost = (gone | (came & (before > 0))) & (self._best[groups] == touched)
        self._best[groups[lost]] = _LOST
        new = came & (self._best[groups] != _LOST)
        self._compare(groups[new], touched[new])
        self.table.free(touched[after == 0])

    def _compare(self, groups: Int64s, entries: Int64s) -> None:
        """New entries of groups whose best one is known; of equal ones the earlier is better."""
        keys = self._keys(self._values[0].take(entries))
        held = self._best[groups] == _NONE
        known = np.flatnonzero(~held)
        held[known] = keys[known] < self._best_key[groups[known]]
        better = np.flatnonzero(held)
        self._choose(groups[better], entries[better], keys[better])

    def _choose(self, groups: Int64s, entries: Int64s, keys: Keys) -> None:
        """The best of these entries are those of their groups."""
        order = self._sorted(groups, entries, keys)
        ordered = groups[order]
        first = order[np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(order)])]
        self._best[groups[first]] = entries[first]
        self._best_key[groups[first]] = keys[first]

    def _sorted(self, groups: Int64s, entries: Int64s, keys: Keys) -> Int64s:
        """Their order: by group, key, arrival."""
        arrivals = self._arrival[entries]
        if keys.dtype != object:
            return lex_order((arrivals, keys, groups))
        rows = zip(groups.tolist(), keys.tolist(), arrivals.tolist(), strict=True)
        order = [at for *_, at in sorted((*row, at) for at, row in enumerate(rows))]
        return np.array(order, np.int64)

    # -- looking for the best ---------------------------------------------------------------

    def _recover(self, groups: Int64s) -> None:
        """Find out the best entries of these groups, each once."""
        index, entries = self._lists.walk(groups)
        self._looked[groups] += np.bincount(index, minlength=len(groups))
        index, entries = self._with_heads(groups, (index, entries), 1)
        self._best[groups] = _NONE
        self._choose(groups[index], entries, self._keys(self._values[0].take(entries)))
        limit = np.maximum(_SORTED_MIN, self._living[groups])
        for group in groups[self._looked[groups] > limit].tolist():
            self._sort(group)

    def _with_heads(
        self, groups: Int64s, found: tuple[Int64s, Int64s], most: int
    ) -> tuple[Int64s, Int64s]:
        """(Index into `groups`, entry) with the best of those in order besides."""
        if not self._orders:
            return found
        at = [place for place, group in enumerate(groups.tolist()) if group in self._orders]
        heads = [self._head(int(groups[place]), most) for place in at]
        sizes = [len(head) for head in heads]
        return (
            np.concatenate((found[0], np.repeat(np.array(at, np.int64), sizes))),
            np.concatenate((found[1], *heads)),
        )

    def _sort(self, group: int) -> None:
        """Put all entries of a group in order, so that looking for the best costs little again."""
        self._looked[group] = 0
        number = np.array([group], np.int64)
        _, listed = self._lists.walk(number)
        entries = np.concatenate((listed, self._head(group, 0)))
        self._lists.remove(listed, np.full(len(listed), group))
        self._listed[listed] = False
        self._orders.pop(group, None)
        if not len(entries):
            return
        keys = self._keys(self._values[0].take(entries))
        entries = entries[self._sorted(np.zeros(len(entries), np.int64), entries, keys)]
        self._orders[group] = _Order(entries, self._arrival[entries])

    def _head(self, group: int, most: int) -> Int64s:
        """The best of the entries in order, so many that they have `most` values (0 = all)."""
        order = self._orders.get(group)
        parts: list[Int64s] = [np.zeros(0, np.int64)]
        found, size = 0, _CHUNK
        at = 0 if order is None else order.at
        while order is not None and at < len(order.entries) and (not most or found < most):
            end = at + size if most else len(order.entries)
            entries = order.entries[at:end]
            there = self._count[entries] > 0
            there &= self._arrival[entries] == order.arrivals[at:end]
            there &= ~self._listed[entries]
            if not found:
                order.at = at + (int(there.argmax()) if there.any() else len(entries))
            at += len(entries)
            parts.append(entries[there])
            found += int(self._count[entries[there]].sum())
            size *= 2
        if order is not None and order.at >= len(order.entries):
            del self._orders[group]
        return np.concatenate(parts)

    def _note_debts(self, touched: Int64s, groups: Int64s, before: Int64s, after: Int64s) -> None:
        for at in np.flatnonzero((after < 0) | (before < 0)).tolist():
            group, entry = int(groups[at]), int(touched[at])
            if after[at] < 0:
                self._debts.setdefault(group, set()).add(entry)
            elif group in self._debts:
                self._debts[group].discard(entry)
                if not self._debts[group]:
                    del self._debts[group]

    # -- results ----------------------------------------------------------------------------

    def best(self, groups: Int64s) -> Int64s:
        """The first entry of each group in its order, -1 = none."""
        lost = groups[self._best[groups] == _LOST]
        if len(lost):
            self._recover(np.unique(lost))
        return self._best[groups]

    def living(self, groups: Int64s) -> Int64s:
        """How many different values each group has."""
        return self._living[groups]

    def values(self, entries: Int64s, at: int) -> pa.Array:
        """A column of entries; NULL where the entry is -1."""
        there = entries >= 0
        taken = self._values[at].take(np.where(there, entries, 0))
        if there.all():
            return taken
        return taken.take(pa.array(np.arange(len(entries)), mask=~there))

    def entries(self, groups: Int64s, most: int = 0) -> tuple[Int64s, Int64s, Int64s]:
        """The entries of these groups in order: (index into `groups`, entry, how often it is).

        The index ascends; of each at least `most` values if so many are there (0 = all).
        """
        index, found = self._lists.walk(groups)
        if most:
            self._looked[groups] += np.bincount(index, minlength=len(groups))
            limit = np.maximum(_SORTED_MIN, self._living[groups])
            often = groups[self._looked[groups] > limit].tolist()
            for group in often:
                self._sort(group)
            if often:
                index, found = self._lists.walk(groups)
        index, found = self._with_heads(groups, (index, found), most)
        order = self._sorted(index, found, self._keys(self._values[0].take(found)))
        index, found = index[order], found[order]
        counts = self._count[found]
        if not most or not len(index):
            return index, found, counts
        before = np.cumsum(counts) - counts
        starts = np.r_[True, index[1:] != index[:-1]]
        base = before[starts][np.cumsum(starts) - 1]
        kept = before - base < most
        return index[kept], found[kept], counts[kept]

    # -- upkeep -----------------------------------------------------------------------------

    def clear(self, groups: Int64s) -> None:
        """Forget these groups."""
        index, listed = self._lists.walk(groups)
        self._lists.remove(listed, groups[index])
        self._listed[listed] = False
        named = [listed]
        for group in groups.tolist() if self._orders or self._debts else ():
            named.append(self._head(group, 0))
            self._orders.pop(group, None)
            named.append(np.array(sorted(self._debts.pop(group, ())), np.int64))
        self._best[groups] = _NONE
        self._living[groups] = 0
        self._looked[groups] = 0
        entries = np.concatenate(named)
        self._count[entries] = 0
        self.table.free(entries)

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
        if len(groups) and int(groups.max()) >= len(self._best):
            self.grow(1 << int(groups.max()).bit_length())
        count = self._count[entries]
        living = count > 0
        np.add.at(self._living, groups[living], 1)
        self._lists.append(entries[living], groups[living])
        self._listed[entries[living]] = True
        self._best[groups[living]] = _LOST
        for at in np.flatnonzero(count < 0).tolist():
            self._debts.setdefault(int(groups[at]), set()).add(int(entries[at]))
        self.table.free(entries[count == 0])
        self._next = int(self._arrival[entries].max()) + 1 if len(entries) else 0

    @property
    def nbytes(self) -> int:
        """Memory, estimated where values are ordered by objects."""
        own = self._count.nbytes + self._arrival.nbytes + self._listed.nbytes + self._lists.nbytes
        own += self._best.nbytes + self._best_key.nbytes + self._living.nbytes + self._looked.nbytes
        return self.table.nbytes + own + sum(2 * o.entries.nbytes for o in self._orders.values())
