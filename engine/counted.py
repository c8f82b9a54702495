"""Accumulators over changelogs: counted values, and what a partial would be of those left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, Lane
from engine.multisets import Ranked
from engine.sequences import Sequences
from engine.sql.plan_parts import Partial
from engine.types import arrow_type

_ORDERS = {"min": "up", "max": "down"}


@dataclass(frozen=True, slots=True)
class Lists:
    """A batch's lists of counted values, one per group, where other partials have a `Lane`."""

    array: pa.Array

    def take(self, rows: Int64s) -> Lists:
        """Some rows of it."""
        return Lists(self.array.take(pa.array(rows)))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of lists: the group of each, hash, values, weight."""

    groups: Int64s
    hashes: Any
    values: list[pa.Array]
    weights: Int64s


def _rows(slots: Int64s, lists: Lists) -> _Rows:
    lengths = lists.array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    hashes, *values, weights = lists.array.flatten().flatten()
    return _Rows(
        np.repeat(slots, lengths.astype(np.int64)),
        hashes.to_numpy(zero_copy_only=False),
        values,
        weights.to_numpy(zero_copy_only=False).astype(np.int64),
    )


class CountedColumn:
    """One accumulator of every slot, of the values that are left. Beside `engine.state.Column`.

    `lane` and `array` are how values of its type are held.
    """

    def __init__(
        self,
        partial: Partial,
        lane: Callable[[pa.Array], Lane],
        array: Callable[[Lane, pa.DataType], pa.Array],
    ) -> None:
        counted = partial.counted
        assert counted is not None
        self.merge_kind = partial.merge
        self._kind = arrow_type(partial.type)
        self._lane = lane
        self._array = array
        self._keep = partial.keep
        self._element = arrow_type(counted.types[0])
        self._ranked: Ranked | None = None
        self._sequences: Sequences | None = None
        if counted.ordered and not partial.keep and partial.merge in ("first", "last", "concat"):
            self._sequences = Sequences()
            return
        order = _ORDERS.get(partial.merge, "arrival")
        if partial.keep:
            order = f"{'up' if partial.keep > 0 else 'down'} by first field"
        self._ranked = Ranked([arrow_type(t) for t in counted.types], order)

    @property
    def ranked(self) -> Ranked | None:
        """The multisets, when they are a part of checkpoints of their own."""
        return self._ranked

    def lane(self, array: pa.Array) -> Lists:
        """A batch's lists in the form that `merge` takes."""
        return Lists(array)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        if self._ranked is not None:
            self._ranked.grow(capacity)

    def clear(self, slots: Int64s) -> None:
        """No value in these slots."""
        if self._ranked is not None:
            self._ranked.clear(slots)
        if self._sequences is not None:
            self._sequences.clear(slots.tolist())

    def merge(self, slots: Int64s, lists: Lists) -> None:
        """Add and take away."""
        rows = _rows(slots, lists)
        if self._ranked is not None:
            self._ranked.merge(rows.groups, rows.hashes, rows.values, rows.weights)
        if self._sequences is not None:
            self._sequences.merge(rows.groups, rows.values[0], rows.weights)

    def capture(self, slots: Int64s) -> Lane:
        """What the partial is of the values left in these slots."""
        if self._sequences is not None:
            return self._ordered(self._sequences, slots)
        ranked = self._ranked
        assert ranked is not None
        if self.merge_kind == "distinct":
            return Lane(ranked.living(slots))
        if self.merge_kind in ("concat", "union"):
            return self._gathered(ranked, slots)
        return self._lane(ranked.values(ranked.best(slots), 0))

    def companion(self, slots: Int64s, at: int) -> pa.Array:
        """Column `at` of the best values of these slots."""
        assert self._ranked is not None
        return self._ranked.values(self._ranked.best(slots), at)

    def _ordered(self, sequences: Sequences, slots: Int64s) -> Lane:
        numbers = slots.tolist()
        if self.merge_kind == "concat":
            return _listed([sequences.values(slot) for slot in numbers])
        one = sequences.first if self.merge_kind == "first" else sequences.last
        found = [one(slot) for slot in numbers]
        return self._lane(pa.array([v[0] if v else None for v in found], self._kind))

    def _gathered(self, ranked: Ranked, slots: Int64s) -> Lane:
        index, entries, counts = ranked.entries(slots, abs(self._keep))
        if self.merge_kind == "concat":
            index, entries = np.repeat(index, counts), np.repeat(entries, counts)
        values = ranked.values(entries, 0).to_pylist()
        borders = np.searchsorted(index, np.arange(len(slots) + 1)).tolist()
        return _listed([values[begin:end] for begin, end in pairwise(borders)])

    def array(self, lane: Lane) -> pa.Array:
        """Captured values as Arrow; NULL where there was none."""
        valid = lane.valid
        if valid is not None and valid.all():
            valid = None
        return self._array(Lane(lane.values, valid), self._kind)

    def saved(self, slots: Int64s) -> pa.Array:
        """What `load` takes: values left in order of arrival; multisets save themselves."""
        held = self._sequences
        if held is None:
            return pa.nulls(len(slots))
        rows = [
            [{"v": v, "w": 1} for v in held.values(slot)]
            + [{"v": v, "w": -1} for v in held.debts(slot)]
            for slot in slots.tolist()
        ]
        return pa.array(rows, pa.list_(pa.struct([("v", self._element), ("w", pa.int64())])))

    def load(self, slots: Int64s, saved: pa.Array) -> None:
        """Put saved values back."""
        if self._sequences is not None and len(slots):
            groups = np.repeat(slots, saved.value_lengths().to_numpy().astype(np.int64))
            values, weights = saved.flatten().flatten()
            self._sequences.merge(groups, values, weights.to_numpy())

    @property
    def nbytes(self) -> int:
        """Memory, estimated."""
        held = self._ranked or self._sequences
        return 0 if held is None else held.nbytes


class Companion:
    """An accumulator that is a further column of the multiset of another one."""

    def __init__(
        self,
        partial: Partial,
        leader: CountedColumn,
        at: int,
        form: tuple[Callable[[pa.Array], Lane], Callable[[Lane, pa.DataType], pa.Array]],
    ) -> None:
        self.merge_kind = partial.merge
        self._kind = arrow_type(partial.type)
        self._leader = leader
        self._at = at
        self._lane, self._array = form

    def lane(self, array: pa.Array) -> Lane:
        """Nothing: the values come with those of the leader."""
        return Lane(np.zeros(len(array), np.bool_), np.zeros(len(array), np.bool_))

    def grow(self, capacity: int) -> None:
        """The leader does."""

    def clear(self, slots: Int64s) -> None:
        """The leader does."""

    def capture(self, slots: Int64s) -> Lane:
        """The companions of the best values."""
        return self._lane(self._leader.companion(slots, self._at))

    def array(self, lane: Lane) -> pa.Array:
        """Captured values as Arrow."""
        valid = lane.valid
        if valid is not None and valid.all():
            valid = None
        return self._array(Lane(lane.values, valid), self._kind)

    def saved(self, slots: Int64s) -> pa.Array:
        """The leader does."""
        return pa.nulls(len(slots))

    def load(self, slots: Int64s, saved: pa.Array) -> None:
        """The leader does."""

    @property
    def nbytes(self) -> int:
        """None of its own."""
        return 0


def _listed(lists: Sequence[list[Any]]) -> Lane:
    values = np.empty(len(lists), object)
    values[:] = lists
    return Lane(values, np.array([bool(each) for each in lists], np.bool_))
