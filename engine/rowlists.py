"""Lists of rows by key, each in one piece of a common pool: what joins walk over."""

from __future__ import annotations

import numpy as np

from engine.arrays import Bools, Int64s, enlarged
from engine.ordering import stable_order

NONE = -1
_POOL_MIN = 64
_DEAD_MIN = 4  # so many places of removed rows are left alone
_KEPT_MAX = 8  # an empty list keeps its places up to so many


class RowLists:
    """The rows of each key in order of arrival; keys and rows are slot numbers.

    A list lies in consecutive places of the pool, some of them free at its end; a row that is taken
    out leaves a dead place. Fewer than half of the places of a list are dead, beyond a few, and a
    list that is full moves to a place with half as much room again: each row costs a constant.
    """

    def __init__(self) -> None:
        self._first = np.zeros(0, np.int64)  # by key: its first place, used places, all of them
        self._used = np.zeros(0, np.int64)
        self._room = np.zeros(0, np.int64)
        self._live = np.zeros(0, np.int64)
        self._place = np.zeros(0, np.int64)  # by row
        self._pool = np.full(_POOL_MIN, NONE, np.int64)
        self._end = 0
        self._garbage = 0  # places below the end that no list has

    def fit(self, keys: int, rows: int) -> None:
        """Make room for key slots below `keys` and row slots below `rows`."""
        if len(self._first) < keys:
            self._first = enlarged(self._first, keys)
            self._used = enlarged(self._used, keys)
            self._room = enlarged(self._room, keys)
            self._live = enlarged(self._live, keys)
        if len(self._place) < rows:
            self._place = enlarged(self._place, rows)

    def empty(self, keys: Int64s) -> Bools:
        """Whether these keys have no rows."""
        return self._live[keys] == 0

    def append(self, rows: Int64s, keys: Int64s) -> None:
        """Put rows, which are in no list, at the ends of the lists of their keys, in order."""
        if not len(rows):
            return
        order = stable_order(keys)
        row, key = rows[order], keys[order]
        starts, sizes = _runs(key)
        each = key[starts]
        full = self._used[each] + sizes > self._room[each]
        if full.any():
            self._move(each[full], sizes[full])
        places = _places(self._first[each] + self._used[each], sizes)
        self._pool[places] = row
        self._place[row] = places
        self._used[each] += sizes
        self._live[each] += sizes

    def remove(self, rows: Int64s, keys: Int64s) -> None:
        """Take rows out of the lists of their keys; each row once."""
        if not len(rows):
            return
        self._pool[self._place[rows]] = NONE
        ordered = np.sort(keys)
        starts, counts = _runs(ordered)
        each = ordered[starts]
        self._live[each] -= counts
        live = self._live[each]
        gone = each[live == 0]
        self._used[gone] = 0
        large = gone[self._room[gone] > _KEPT_MAX]
        self._garbage += int(self._room[large].sum())
        self._room[large] = 0
        sparse = each[self._used[each] > 2 * live + _DEAD_MIN]
        if len(sparse):
            self._write(sparse, self._first[sparse], *self.walk(sparse))

    def walk(self, keys: Int64s) -> tuple[Int64s, Int64s]:
        """All rows of these keys (-1 = none) in list order: (index into `keys`, row), ascending."""
        index = np.flatnonzero(keys != NONE)
        index = index[keys[index] < len(self._first)]
        key = keys[index]
        sizes = self._used[key]
        rows = self._pool[_places(self._first[key], sizes)]
        found = np.repeat(index, sizes)
        if (self._live[key] == sizes).all():
            return found, rows
        there = rows != NONE
        return found[there], rows[there]

    def _move(self, keys: Int64s, more: Int64s) -> None:
        """Make room at the ends of these lists for so many more rows."""
        needed = self._live[keys] + more
        # Half a list of room, so that moving it is paid by the rows that come next.
        wanted = needed + needed // 2
        stays = wanted <= self._room[keys]
        moving = keys[~stays]
        rooms = wanted[~stays]
        total = int(rooms.sum())
        if self._end + total > len(self._pool):
            self._enlarge(total)
        index, rows = self.walk(keys)
        self._garbage += int(self._room[moving].sum())
        self._room[moving] = rooms
        firsts = self._first[keys]
        firsts[~stays] = self._end + np.cumsum(rooms) - rooms
        self._end += total
        self._write(keys, firsts, index, rows)

    def _write(self, keys: Int64s, firsts: Int64s, index: Int64s, rows: Int64s) -> None:
        """Put these rows (of `keys[index]`) at the beginnings of lists that begin there."""
        sizes = self._live[keys]
        places = _places(firsts, sizes)
        self._pool[places] = rows
        self._place[rows] = places
        self._first[keys] = firsts
        self._used[keys] = sizes

    def _enlarge(self, more: int) -> None:
        """A pool with room for so many more places, without what no list has."""
        lists = np.flatnonzero(self._room)
        sizes = self._used[lists]
        rooms = self._room[lists]
        kept = self._pool[_places(self._first[lists], sizes)]
        self._end = self._end - self._garbage
        self._garbage = 0
        size = max(_POOL_MIN, 2 * (self._end + more))
        self._pool = np.full(size, NONE, np.int64)
        self._first[lists] = np.cumsum(rooms) - rooms
        places = _places(self._first[lists], sizes)
        self._pool[places] = kept
        there = kept != NONE
        self._place[kept[there]] = places[there]

    @property
    def nbytes(self) -> int:
        """Memory of the lists."""
        return 4 * self._first.nbytes + self._place.nbytes + self._pool.nbytes


def _runs(ordered: Int64s) -> tuple[Int64s, Int64s]:
    """Where runs of equal numbers begin, and how long they are."""
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    return starts, np.diff(starts, append=len(ordered))


def _places(firsts: Int64s, sizes: Int64s) -> Int64s:
    """`sizes` consecutive numbers from each of `firsts` on."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(firsts - (ends - sizes), sizes) + np.arange(total)
