"""The last rows of every key in order of a value: what ASOF and LATEST joins look rows up in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.arrays import Int64s, column, fixed_lane, numpy_type
from engine.joinindex import NONE, JoinRows, KeyTable, SideRows
from engine.operators.limit_by import ranks
from engine.ordering import lex_order
from engine.state import StateSize

Values = npt.NDArray[Any]
Op = Literal["<", "<=", ">", ">=", ""]

_WIDTH_MIN: Final = 1


class Versions:
    """Of each key the `keep` rows whose values are largest, of equal ones the later arrivals.

    `value`: position of the column that orders them; None = the order of arrival. Values of a row
    are whole numbers, floats or times; a row whose value is NULL is not kept. `check` is asked
    before memory grows.
    """

    def __init__(
        self,
        schema: pa.Schema,
        keys: KeyTable,
        value: int | None,
        keep: int,
        check: Callable[[StateSize], None],
    ) -> None:
        self.rows = JoinRows(schema, keys, counted=False)
        self._keys = keys
        self._value = value
        self._keep = keep
        self._check = check
        kind = np.dtype(np.int64) if value is None else numpy_type(schema.field(value).type)
        self._values = np.zeros((0, _WIDTH_MIN), kind)
        self._slots = np.full((0, _WIDTH_MIN), NONE, np.int64)
        self._count = np.zeros(0, np.int64)
        self._arrived = 0

    def add(self, rows: SideRows, keys: Int64s) -> None:
        """Take in rows of a batch whose keys have these slots; others go for them."""
        values, known = self._of(rows)
        index = np.flatnonzero(known & (keys != NONE))
        # Of each key only the largest of the batch can stay.
        order = index[lex_order((index, values[index], keys[index]))]
        kept = order[_from_end(keys[order]) < self._keep]
        arrival_order = np.sort(kept)
        slots = self.rows.add(rows, keys, arrival_order)
        slot_of = np.full(len(keys), NONE, np.int64)
        slot_of[arrival_order] = slots
        self._insert(keys[kept], values[kept], slot_of[kept])

    def _of(self, rows: SideRows) -> tuple[Values, npt.NDArray[np.bool_]]:
        count = len(rows.known)
        if self._value is None:
            self._arrived += count
            return np.arange(self._arrived - count, self._arrived), np.ones(count, np.bool_)
        return comparable(rows.columns[self._value])

    def _insert(self, keys: Int64s, values: Values, slots: Int64s) -> None:
        """Rows sorted by key, then by value and arrival; a round has a key once."""
        _, rank = ranks(keys)
        gone: list[Int64s] = []
        for at in range(int(rank.max()) + 1 if len(rank) else 0):
            here = rank == at
            gone.append(self._insert_once(keys[here], values[here], slots[here]))
        evicted = np.concatenate(gone) if gone else np.zeros(0, np.int64)
        if len(evicted):
            self.rows.remove(evicted)

    def _insert_once(self, keys: Int64s, values: Values, slots: Int64s) -> Int64s:
        """One new row for each of these keys; returns the rows that go."""
        self._fit(keys)
        count, held = self._count[keys], self._values[keys]
        columns = np.arange(held.shape[1])
        there = columns < count[:, None]
        place = (there & (held <= values[:, None])).sum(axis=1)
        full = count == self._keep
        dropped = np.where(full, np.where(place == 0, slots, self._slots[keys, 0]), NONE)
        enters = ~(full & (place == 0))
        # With the first one gone all before the place move one to the left.
        place = place - full
        left = full[:, None] & (columns < place[:, None])
        right = ~full[:, None] & (columns > place[:, None])
        source = np.clip(columns + left - right, 0, held.shape[1] - 1)
        new = columns == place[:, None]
        made = np.where(new, values[:, None], np.take_along_axis(held, source, axis=1))
        moved = np.take_along_axis(self._slots[keys], source, axis=1)
        moved = np.where(new, slots[:, None], moved)
        to = keys[enters]
        self._values[to] = made[enters]
        self._slots[to] = moved[enters]
        self._count[keys] += ~full
        return dropped[dropped != NONE]

    def _fit(self, keys: Int64s) -> None:
        """Room for the keys, and for one more row of each of `keys`."""
        height, width = self._keys.table.capacity, self._values.shape[1]
        if len(self._count) and len(keys):
            known = keys[keys < len(self._count)]
            if len(known) and int(self._count[known].max()) == width < self._keep:
                width = min(2 * width, self._keep)
        if (height, width) == self._values.shape:
            return
        cell = self._values.itemsize + self._slots.itemsize
        self._check(StateSize(0, height * width * cell))
        values = np.zeros((height, width), self._values.dtype)
        slots = np.full((height, width), NONE, np.int64)
        old = self._values.shape
        values[: old[0], : old[1]] = self._values
        slots[: old[0], : old[1]] = self._slots
        count = np.zeros(height, np.int64)
        count[: old[0]] = self._count
        self._values, self._slots, self._count = values, slots, count

    def find(self, keys: Int64s, op: Op, wanted: pa.Array | None) -> tuple[Int64s, Int64s]:
        """For each key slot (-1 = none) the row closest to its value: (index, slot), ascending.

        `op`: the row's value stands to the right of it; '' = the last row.
        """
        self._fit(np.zeros(0, np.int64))
        index = np.flatnonzero(keys != NONE)
        if wanted is None:
            index = index[self._count[keys[index]] > 0]
            return index, self._slots[keys[index], self._count[keys[index]] - 1]
        asked, known = comparable(wanted)
        index = index[known[index]]
        key = keys[index]
        held, value = self._values[key], asked[index][:, None]
        columns = np.arange(held.shape[1])
        there = columns < self._count[key][:, None]
        if op in ("<", "<="):
            fits = there & (held > value if op == "<" else held >= value)
            found = fits.any(axis=1)
            closest = np.take_along_axis(held, fits.argmax(axis=1)[:, None], axis=1)
            fits &= held == closest
        else:
            fits = there & (held < value if op == ">" else held <= value)
            found = fits.any(axis=1)
        last = held.shape[1] - 1 - fits[:, ::-1].argmax(axis=1)
        return index[found], self._slots[key[found], last[found]]

    def rebuild(self) -> None:
        """Put the rows in order again after a restore."""
        slots = self.rows.slots()
        slots = slots[np.argsort(self.rows.arrival[slots])]
        self._arrived = self.rows.arrived
        self.come(slots)

    def leave(self, keys: Int64s) -> None:
        """These keys leave the memory."""
        self._fit(np.zeros(0, np.int64))
        self._count[keys] = 0

    def come(self, slots: Int64s) -> None:
        """These rows, in order of arrival, come back; of their keys nothing is here."""
        if not len(slots):
            return
        if self._value is None:
            values: Values = self.rows.arrival[slots]
        else:
            values, _ = comparable(self.rows.take(slots)[self._value])
        keys = self.rows.key[slots]
        order = lex_order((np.arange(len(slots)), values, keys))
        self._insert(keys[order], values[order], slots[order])

    def held(self) -> StateSize:
        """The rows and their order."""
        own = self._values.nbytes + self._slots.nbytes + self._count.nbytes
        return self.rows.held() + StateSize(0, own)


def _from_end(ordered: Int64s) -> Int64s:
    """How many equal keys come after each of these ordered keys."""
    if not len(ordered):
        return ordered
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return np.repeat(ends, np.diff(ends, prepend=-1)) - np.arange(len(ordered))


def comparable(array: pa.Array) -> tuple[Values, npt.NDArray[np.bool_]]:
    """Values that numpy compares, and which are there; NaN is not."""
    lane = fixed_lane(column(pa.table([array], ["v"]), 0))
    known = np.ones(len(array), np.bool_) if lane.valid is None else lane.valid.copy()
    if lane.values.dtype.kind == "f":
        known &= ~np.isnan(lane.values)
    return lane.values, known
