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
from engine.comparing import first_key, hashable
from engine.counted import Companion, CountedColumn, Lists
from engine.fitted import FittedColumn
from engine.listlog import Items, ListLog
from engine.sql.plan_parts import Partial
from engine.stateparts import Part
from engine.types import arrow_type
from engine.udf.column import UserColumn

Values = npt.NDArray[Any]

_SETS = ("union", "distinct")
_GATHERED = ("concat", *_SETS)
_OBJECT_BYTES = 96  # a small Python object with its place in a column, as measured
_ITEM_BYTES = 56  # one more item of a list or set


@dataclass(frozen=True, slots=True)
class StateSize:
    """What an operator holds. `disk`: how many of the bytes lie in files."""

    rows: int = 0
    bytes: int = 0
    disk: int = 0

    def __add__(self, other: StateSize) -> StateSize:
        disk = self.disk + other.disk
        return StateSize(self.rows + other.rows, self.bytes + other.bytes, disk)


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
        self._held = arrow_type(partial.items) if partial.items else self._kind
        self._form = _OBJECT if partial.items else _form_of(partial, self._kind)
        fixed = self._form is _FIXED
        self.values: Values = np.zeros(0, numpy_type(self._kind) if fixed else np.dtype(object))
        self.there: Bools = np.zeros(0, np.bool_)
        self._wide = not fixed
        self._items = 0
        self._keep = partial.keep
        grows = partial.merge in _SETS or (partial.merge == "concat" and not partial.keep)
        self.log = ListLog(self, self._held) if grows else None

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
        if self.merge_kind in _GATHERED:
            self._items -= sum(len(v) for v in self.values[slots] if v)
        if self.log is not None:
            self.log.cleared(slots)
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
        union = self.merge_kind in _SETS
        numbers: list[int] = slots.tolist()
        if self.log is not None:
            self.log.grew(numbers)
        for at, slot in enumerate(numbers):
            given = lane.values[at]
            if given is None:
                continue
            if isinstance(given, dict):  # a set of this column, or of one like it
                given = list(given.values())
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
                    held.sort(key=first_key, reverse=self._keep < 0)
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
        elif self.merge_kind == "distinct":
            pairs = zip(values, there, strict=True)
            sizes = (len(v) if t else 0 for v, t in pairs)
            return Lane(np.fromiter(sizes, np.int64, len(slots)), there)
        return Lane(values, there)

    def array(self, lane: Lane) -> pa.Array:
        """Captured values as Arrow; NULL where there was none."""
        valid = lane.valid
        if valid is not None and valid.all():
            valid = None
        form = _FIXED if self.merge_kind == "distinct" else self._form
        return form.array(Lane(lane.values, valid), self._kind)

    def saved(self, slots: Int64s) -> pa.Array:
        """What `load` takes: Arrow without loss, NULL where there is no value."""
        if self.merge_kind in _SETS:
            held = [self.items(slot) for slot in slots.tolist()]
            lists = [None if v is None else [*v.values()] for v in held if not isinstance(v, list)]
            return pa.array(lists, self._held)
        lane = self.capture(slots)
        if self._form is not _DECIMAL:
            return self.array(lane)
        pairs = zip(lane.values.tolist(), self.there[slots].tolist(), strict=True)
        # A sum may have more digits than its type shows: those are refused when it is sent.
        return pa.array([str(value) if there else None for value, there in pairs], pa.string())

    def load(self, slots: Int64s, saved: pa.Array) -> None:
        """Put saved values back into slots that hold none."""
        lane = self.saved_lane(saved)
        there = np.ones(len(slots), np.bool_) if lane.valid is None else lane.valid
        values = lane.values
        self._items += sum(len(v) for v in values if v) if self.merge_kind == "concat" else 0
        self.values[slots[there]] = values[there]
        self.there[slots] = there

    def saved_lane(self, saved: pa.Array) -> Lane:
        """Saved values in the form that merges take."""
        return (text_number_lane if self._form is _DECIMAL else self._form.lane)(saved)

    def items(self, slot: int) -> Items:
        """The list or set of a slot, None if there is none."""
        return self.values[slot] if self.there[slot] else None

    def filled(self) -> list[int]:
        """Slots with a value."""
        return np.flatnonzero(self.there).tolist()

    def fill(self, slot: int, items: list[Any]) -> None:
        """Put a list or set back into a slot that holds none."""
        union = self.merge_kind in _SETS
        self.values[slot] = {hashable(item): item for item in items} if union else items
        self.there[slot] = True
        self._items += len(items)

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


AnyColumn = Column | CountedColumn | Companion | FittedColumn | UserColumn
AnyLane = Lane | Lists


class Accumulators:
    """All accumulators of an aggregate. Slots of one call of `merge` must differ."""

    def __init__(self, partials: Sequence[Partial]) -> None:
        self._partials = tuple(partials)
        names = {p.name: at for at, p in enumerate(partials)}
        self._leader = [names[p.by] if p.by else -1 for p in partials]
        self.columns: list[AnyColumn] = []
        followers: dict[int, int] = {}
        for partial, leader in zip(partials, self._leader, strict=True):
            form = _form_of(partial, arrow_type(partial.type))
            ahead = self.columns[leader] if 0 <= leader < len(self.columns) else None
            if partial.function is not None:
                self.columns.append(UserColumn(partial, form.lane, form.array))
            elif partial.merge == "fit":
                self.columns.append(FittedColumn(partial))
            elif partial.counted is not None:
                self.columns.append(CountedColumn(partial, form.lane, form.array))
            elif isinstance(ahead, CountedColumn):
                followers[leader] = followers.get(leader, 0) + 1
                both = (form.lane, form.array)
                self.columns.append(Companion(partial, ahead, followers[leader], both))
            else:
                self.columns.append(Column(partial))

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        for each in self.columns:
            each.grow(capacity)

    def clear(self, slots: Int64s) -> None:
        """Begin anew in these slots."""
        for each in self.columns:
            each.clear(slots)

    @property
    def parts(self) -> dict[str, Part]:
        """State that is too large to be saved with its slots: parts of checkpoints by name.

        They come after the table of the slots, so that there is room when they are restored.
        """
        found: dict[str, Part] = {}
        for at, each in enumerate(self.columns):
            if isinstance(each, CountedColumn) and each.ranked is not None:
                found[f"set{at}"] = each.ranked.state
            elif isinstance(each, Column) and each.log is not None:
                found[f"list{at}"] = each.log
        return found

    def _with_slots(self) -> list[tuple[str, AnyColumn]]:
        """The columns that are saved with their slots, by name."""
        pairs = [(f"p{at}", each) for at, each in enumerate(self.columns)]
        return [(n, c) for n, c in pairs if not (isinstance(c, Column) and c.log is not None)]

    def lanes(self, arrays: Sequence[pa.Array]) -> list[AnyLane]:
        """A batch's partials in the form that `merge` takes."""
        return [c.lane(a) for c, a in zip(self.columns, arrays, strict=True)]

    def merge(self, slots: Int64s, lanes: Sequence[AnyLane]) -> None:
        """Fold one partial per slot into the slots. Followers go with their leader, so first."""
        better: dict[int, Bools] = {}
        pairs = list(zip(self.columns, lanes, strict=True))
        for (each, lane), leader in zip(pairs, self._leader, strict=True):
            if leader >= 0 and isinstance(each, Column) and isinstance(lane, Lane):
                ahead, led = pairs[leader]
                if leader not in better and isinstance(ahead, Column) and isinstance(led, Lane):
                    better[leader] = ahead.improves(slots, led)
                each.put(slots, lane, better[leader])
        for at, (each, lane) in enumerate(pairs):
            if isinstance(each, CountedColumn | FittedColumn | UserColumn) and isinstance(
                lane, Lists
            ):
                each.merge(slots, lane)
            elif self._leader[at] < 0 and isinstance(each, Column) and isinstance(lane, Lane):
                self._merge_plain(each, slots, lane, better.get(at))

    def _merge_plain(self, each: Column, slots: Int64s, lane: Lane, where: Bools | None) -> None:
        if each.merge_kind == "add":
            each.add(slots, lane)
        elif each.merge_kind in _GATHERED:
            each.gather(slots, lane)
        else:
            each.put(slots, lane, each.improves(slots, lane) if where is None else where)

    def capture(self, slots: Int64s) -> list[Lane]:
        """Values of these slots as they are now."""
        return [c.capture(slots) for c in self.columns]

    def arrays(self, lanes: Sequence[Lane]) -> list[pa.Array]:
        """Captured values as Arrow columns."""
        return [c.array(lane) for c, lane in zip(self.columns, lanes, strict=True)]

    def saved(self, slots: Int64s) -> dict[str, pa.Array]:
        """These slots for a checkpoint, as columns p0, p1, ... (see `engine.slotstate.Save`)."""
        return {name: each.saved(slots) for name, each in self._with_slots()}

    def load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        """Put back what `saved` gave; room was made before, the slots hold nothing."""
        for name, each in self._with_slots():
            each.load(slots, rows.column(name))

    # -- on disk (`engine.spill`) -----------------------------------------------------------

    @property
    def spills(self) -> bool:
        """Whether slots can be taken out and put back."""
        columns = self.columns
        if any(isinstance(c, UserColumn) and not c.recoverable for c in columns):
            return False
        return not any(isinstance(c, CountedColumn) and c.ranked is not None for c in columns)

    @property
    def folds(self) -> bool:
        """Whether what was taken out can be merged with what came later into the same group."""
        return all(isinstance(c, Column) for c in self.columns)

    def lifted(self, slots: Int64s) -> dict[str, pa.Array]:
        """These slots whole, as columns p0, p1, ...; they stay as they are."""
        return {f"p{at}": each.saved(slots) for at, each in enumerate(self.columns)}

    def lower(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        """Merge what `lifted` gave; if these do not fold, into slots that hold nothing."""
        arrays = [rows.column(f"p{at}") for at in range(len(self.columns))]
        if self.folds:
            pairs = zip(self.columns, arrays, strict=True)
            self.merge(slots, [c.saved_lane(a) for c, a in pairs if isinstance(c, Column)])
            return
        for each, array in zip(self.columns, arrays, strict=True):
            if isinstance(each, Column) and each.merge_kind in _GATHERED:
                each.gather(slots, each.saved_lane(array))
            else:
                each.load(slots, array)

    def fresh(self) -> Accumulators:
        """Empty accumulators of the same shape."""
        return Accumulators(self._partials)

    def fold(self, source: Accumulators, to: Int64s, slots: Int64s) -> None:
        """Merge slots of another set of the same shape into `to`; each of `to` once.

        Over a changelog nobody asks: its rows go to each of their windows.
        """
        columns = [c for c in source.columns if isinstance(c, Column)]
        self.merge(to, [Lane(c.values[slots], c.there[slots]) for c in columns])

    @property
    def nbytes(self) -> int:
        """Memory of all of them."""
        return sum(c.nbytes for c in self.columns)
