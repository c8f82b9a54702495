"""Accumulators: columns of partial results by slot, and how those of a batch are merged in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.arrays import (
    Bools,
    Int64s,
    Lane,
    add_wide,
    decimal_array,
    decimal_lane,
    fixed_array,
    fixed_lane,
    is_fixed,
    numpy_type,
    object_array,
    object_lane,
    text_number_array,
    text_number_lane,
)
from engine.sql.logical import Partial
from engine.types import arrow_type

Values = npt.NDArray[Any]

_OBJECT_BYTES = 96  # a small Python object with its place in a column, as measured
_ITEM_BYTES = 56  # one more item of a list or set


@dataclass(frozen=True, slots=True)
class StateSize:
    """What an operator holds."""

    rows: int = 0
    bytes: int = 0

    def __add__(self, other: StateSize) -> StateSize:
        return StateSize(self.rows + other.rows, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class _Form:
    """How values of a type are held: which lane, which array of a lane."""

    lane: Callable[[pa.Array], Lane]
    array: Callable[[Lane, pa.DataType], pa.Array]


_FIXED = _Form(fixed_lane, fixed_array)
_DECIMAL = _Form(decimal_lane, decimal_array)
_NUMBER_TEXT = _Form(text_number_lane, text_number_array)
_OBJECT = _Form(object_lane, object_array)


def _form_of(partial: Partial, kind: pa.DataType) -> _Form:
    if is_fixed(kind):
        return _FIXED
    if pa.types.is_decimal128(kind):
        return _DECIMAL
    if partial.type.is_wide_integer or partial.type.is_decimal:
        return _NUMBER_TEXT
    return _OBJECT


class Column:
    """One accumulator of every slot: a value, and whether there is one yet."""

    def __init__(self, partial: Partial) -> None:
        self.merge_kind = partial.merge
        self._kind = arrow_type(partial.type)
        self._form = _form_of(partial, self._kind)
        fixed = self._form is _FIXED
        self.values: Values = np.zeros(0, numpy_type(self._kind) if fixed else np.dtype(object))
        self.there: Bools = np.zeros(0, np.bool_)
        self._wide = not fixed
        self._items = 0
        self._keep = partial.keep

    def lane(self, array: pa.Array) -> Lane:
        """A batch's partials in the form that `merge` takes."""
        return self._form.lane(array)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        values = np.zeros(capacity, self.values.dtype)
        values[: len(self.values)] = self.values
        there = np.zeros(capacity, np.bool_)
        there[: len(self.there)] = self.there
        self.values, self.there = values, there

    def clear(self, slots: Int64s) -> None:
        """No value in these slots."""
        if self.merge_kind in ("concat", "union"):
            self._items -= sum(len(v) for v in self.values[slots] if v)
        self.values[slots] = 0
        self.there[slots] = False

    def improves(self, slots: Int64s, lane: Lane) -> Bools:
        """Where the batch's value takes the place of the slot's (min, max, first, last)."""
        given = np.ones(len(slots), np.bool_) if lane.valid is None else lane.valid
        empty = ~self.there[slots]
        if self.merge_kind == "last":
            return given
        if self.merge_kind == "first":
            return given & empty
        held, new = self.values[slots], lane.values
        better = empty.copy()
        both = given & ~empty
        if both.any():
            at = np.flatnonzero(both)
            better[at] = _before(new[at], held[at], largest=self.merge_kind == "max")
        return given & better

    def put(self, slots: Int64s, lane: Lane, where: Bools) -> None:
        """Take the batch's values where told."""
        to = slots[where]
        self.values[to] = lane.values[where]
        self.there[to] = True if lane.valid is None else lane.valid[where]

    def add(self, slots: Int64s, lane: Lane) -> None:
        """Sum; the slots differ from each other."""
        valid = lane.valid
        if valid is not None:
            slots, lane = slots[valid], lane.take(np.flatnonzero(valid))
        if self._wide:
            pairs = zip(slots.tolist(), lane.values, strict=True)
            for slot, value in pairs:
                self.values[slot] = add_wide(self.values[slot], value)
        else:
            self.values[slots] += lane.values
        self.there[slots] = True

    def gather(self, slots: Int64s, lane: Lane) -> None:
        """Lists one behind the other, or sets in order of first arrival."""
        union = self.merge_kind == "union"
        for at, slot in enumerate(slots.tolist()):
            given = lane.values[at]
            if given is None:
                continue
            held: Any = self.values[slot] if self.there[slot] else None
            before = len(held) if held else 0
            if union:
                held = held or {}
                for item in given:
                    held.setdefault(hashable(item), item)
            else:
                held = held or []
                held.extend(given)
                if self._keep and len(held) >= 2 * abs(self._keep):
                    held.sort(key=sort_key, reverse=self._keep < 0)
                    del held[abs(self._keep) :]
            self.values[slot] = held
            self.there[slot] = True
            self._items += len(held) - before

    def capture(self, slots: Int64s) -> Lane:
        """Values of these slots as they are now, in a form that `array` takes."""
        values = self.values[slots]
        there = self.there[slots]
        if self.merge_kind == "concat":
            values[:] = [list(v) if t else None for v, t in zip(values, there, strict=True)]
        elif self.merge_kind == "union":
            values[:] = [
                list(v.values()) if t else None for v, t in zip(values, there, strict=True)
            ]
        return Lane(values, there)

    def array(self, lane: Lane) -> pa.Array:
        """Captured values as Arrow; NULL where there was none."""
        valid = lane.valid
        if valid is not None and valid.all():
            valid = None
        return self._form.array(Lane(lane.values, valid), self._kind)

    @property
    def nbytes(self) -> int:
        """Memory, estimated for objects."""
        size = self.values.nbytes + self.there.nbytes
        if self._wide:
            size += _OBJECT_BYTES * int(np.count_nonzero(self.there)) + _ITEM_BYTES * self._items
        return size


def _before(left: Values, right: Values, *, largest: bool) -> Bools:
    """Whether left is strictly smaller (or larger); NaN is above all numbers, as in DuckDB."""
    if left.dtype == object:
        pairs = zip(left, right, strict=True)
        ordered = ((a > b) if largest else (a < b) for a, b in pairs)
        return np.fromiter(ordered, np.bool_, len(left))
    found: Bools = left > right if largest else left < right
    if left.dtype.kind == "f":
        left_nan, right_nan = np.isnan(left), np.isnan(right)
        found |= (left_nan & ~right_nan) if largest else (~left_nan & right_nan)
    return found


def sort_key(value: Any) -> Any:
    """What orders values as DuckDB does: NaN above all numbers, NULL above all, tuples by field."""
    if value is None:
        return (1,)
    if isinstance(value, float):
        return (0, value != value, 0.0 if value != value else value)
    if isinstance(value, dict):
        return (0, *(sort_key(each) for each in value.values()))
    if isinstance(value, list):
        return (0, *(sort_key(each) for each in value))
    return (0, value)


def hashable(value: Any) -> Any:
    """Something to look the value up by: itself, or the text of a list, tuple or map."""
    if isinstance(value, list | dict):
        return repr(value)
    return "nan" if isinstance(value, float) and value != value else value


class Accumulators:
    """All accumulators of an aggregate. Slots of one call of `merge` must differ."""

    def __init__(self, partials: Sequence[Partial]) -> None:
        self._partials = tuple(partials)
        self.columns = [Column(p) for p in partials]
        names = {p.name: at for at, p in enumerate(partials)}
        self._leader = [names[p.by] if p.by else -1 for p in partials]

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        for each in self.columns:
            each.grow(capacity)

    def clear(self, slots: Int64s) -> None:
        """Begin anew in these slots."""
        for each in self.columns:
            each.clear(slots)

    def lanes(self, arrays: Sequence[pa.Array]) -> list[Lane]:
        """A batch's partials in the form that `merge` takes."""
        return [c.lane(a) for c, a in zip(self.columns, arrays, strict=True)]

    def merge(self, slots: Int64s, lanes: Sequence[Lane]) -> None:
        """Fold one partial per slot into the slots. Followers go with their leader, so first."""
        better: dict[int, Bools] = {}
        for at, leader in enumerate(self._leader):
            if leader >= 0:
                if leader not in better:
                    better[leader] = self.columns[leader].improves(slots, lanes[leader])
                self.columns[at].put(slots, lanes[at], better[leader])
        for at, each in enumerate(self.columns):
            if self._leader[at] >= 0:
                continue
            if each.merge_kind == "add":
                each.add(slots, lanes[at])
            elif each.merge_kind in ("concat", "union"):
                each.gather(slots, lanes[at])
            else:
                where = better.get(at)
                each.put(
                    slots, lanes[at], each.improves(slots, lanes[at]) if where is None else where
                )

    def capture(self, slots: Int64s) -> list[Lane]:
        """Values of these slots as they are now."""
        return [c.capture(slots) for c in self.columns]

    def arrays(self, lanes: Sequence[Lane]) -> list[pa.Array]:
        """Captured values as Arrow columns."""
        return [c.array(lane) for c, lane in zip(self.columns, lanes, strict=True)]

    def fresh(self) -> Accumulators:
        """Empty accumulators of the same shape."""
        return Accumulators(self._partials)

    def fold(self, source: Accumulators, to: Int64s, slots: Int64s) -> None:
        """Merge slots of another set of the same shape into `to`; each of `to` once."""
        lanes = [Lane(c.values[slots], c.there[slots]) for c in source.columns]
        self.merge(to, lanes)

    @property
    def nbytes(self) -> int:
        """Memory of all of them."""
        return sum(c.nbytes for c in self.columns)
