"""Accumulator of models that are fitted as rows come (`engine.regression`), one of every slot."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, Lane, object_array
from engine.counted import Lists
from engine.regression import HEADER, Floats, advance, fresh, rows_of, rule_of, weights
from engine.sql.plan_parts import Partial
from engine.types import arrow_type


class FittedColumn:
    """Beside `engine.state.Column`. A batch's partial is a header and the rows of the group, as one
    list of float64; what comes out is the bias and then the weights."""

    def __init__(self, partial: Partial) -> None:
        self.merge_kind = partial.merge
        self._kind = arrow_type(partial.type)
        self._states: Floats = np.zeros((0, 0))
        self.there: Bools = np.zeros(0, np.bool_)

    def lane(self, array: pa.Array) -> Lists:
        """A batch's partials in the form that `merge` takes."""
        return Lists(array)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.there = np.concatenate((self.there, np.zeros(capacity - len(self.there), np.bool_)))
        self._fit(self._states.shape[1])

    def _fit(self, width: int) -> None:
        """A state of this width for each slot."""
        states = np.zeros((len(self.there), width))
        held, wide = self._states.shape
        states[:held, :wide] = self._states
        self._states = states

    def clear(self, slots: Int64s) -> None:
        """No model in these slots."""
        self.there[slots] = False

    def merge(self, slots: Int64s, lists: Lists) -> None:
        """Show each slot its rows; the slots differ from each other."""
        if not len(slots):
            return
        rule = rule_of(lists.array[0].values.to_numpy()[:HEADER])
        if self._states.shape[1] != rule.width:
            self._fit(rule.width)
        made = slots[~self.there[slots]]
        self._states[made] = fresh(rule, len(made))
        self.there[slots] = True
        states = self._states[slots]
        advance(rule, states, *rows_of(rule, lists.array))
        self._states[slots] = states

    def capture(self, slots: Int64s) -> Lane:
        """Bias and weights of these slots as they are now."""
        values = np.empty(len(slots), object)
        if self._states.shape[1]:
            values[:] = weights(self._states[slots]).tolist()
        return Lane(values, self.there[slots])

    def array(self, lane: Lane) -> pa.Array:
        """Captured values as Arrow; NULL where there was no row."""
        return object_array(lane, self._kind)

    def saved(self, slots: Int64s) -> pa.Array:
        """The whole states."""
        rows = self._states[slots].tolist()
        held = [row if each else None for row, each in zip(rows, self.there[slots], strict=True)]
        return pa.array(held, self._kind)

    def load(self, slots: Int64s, saved: pa.Array) -> None:
        """Put back what `saved` gave."""
        there = saved.is_valid().to_numpy(zero_copy_only=False)
        held = slots[there]
        if not len(held):
            return
        states = np.array(saved.drop_null().to_pylist(), np.float64)
        if self._states.shape[1] != states.shape[1]:
            self._fit(states.shape[1])
        self._states[held] = states
        self.there[held] = True

    @property
    def nbytes(self) -> int:
        """Memory."""
        return self._states.nbytes + self.there.nbytes
