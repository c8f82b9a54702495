"""State of a user aggregate: an object of its engine a slot. Beside `engine.state.Column`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, Lane
from engine.calls import ask
from engine.counted import Lists
from engine.errors import Code, QueryFailed
from engine.sql.plan_parts import Partial
from engine.types import INT8, arrow_type
from engine.udf.definition import Function
from engine.udf.javascript import JavaScript
from engine.udf.outside import Outside

# An object with a few numbers in it, as measured.
_OBJECT_BYTES = 400


class UserColumn:
    """One accumulator of every slot.

    A batch's partial is `{n, s, r}`: the step's instant and seed, and the rows of the group as a
    list of structs of arguments (and the weight, if the function asks for it).
    """

    def __init__(
        self,
        partial: Partial,
        lane: Callable[[pa.Array], Lane],
        array: Callable[[Lane, pa.DataType], pa.Array],
    ) -> None:
        assert partial.function is not None
        self.merge_kind = partial.merge
        self._function: Function = partial.function
        outside = self._function.outside
        self._engine = Outside(self._function, ask) if outside else JavaScript(self._function)
        self._types = [c.type for c in self._function.arguments]
        self._kind = arrow_type(partial.type)
        self._lane = lane
        self._array = array
        self.there: Bools = np.zeros(0, np.bool_)

    @property
    def recoverable(self) -> bool:
        """Whether its objects can be saved."""
        return self._function.recoverable

    def lane(self, array: pa.Array) -> Lists:
        """A batch's partials in the form that `merge` takes."""
        return Lists(array)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        there = np.zeros(capacity, np.bool_)
        there[: len(self.there)] = self.there
        self.there = there

    def clear(self, slots: Int64s) -> None:
        """Forget the objects of these slots."""
        held = slots[self.there[slots]]
        if len(held):
            self._engine.clear(held.tolist())
            self.there[held] = False

    def merge(self, slots: Int64s, lists: Lists) -> None:
        """Process the rows of each slot; the slots differ from each other."""
        slots, borders, columns = self._rows(slots, lists)
        if len(slots):
            self._engine.process(slots.tolist(), borders.tolist(), columns, self._given(columns))

    def emit(self, slots: Int64s, lists: Lists) -> list[pa.Array]:
        """As `merge`, in order, slots may come again; what each entry gave to be sent at once."""
        found = [pa.array([], self._kind)] * len(slots)
        kept, borders, columns = self._rows(slots, lists)
        if len(kept):
            results = self._engine.emit(
                kept.tolist(), borders.tolist(), columns, self._given(columns)
            )
            valid = np.flatnonzero(_there(lists.array.field("r")))
            for at, result in zip(valid.tolist(), results, strict=True):
                found[at] = result
        return found

    def _given(self, columns: list[pa.Array]) -> list:
        return [*self._types, INT8][: len(columns)]

    def _rows(self, slots: Int64s, lists: Lists) -> tuple[Int64s, Int64s, list[pa.Array]]:
        """Slots with rows, the borders of their rows, and the columns of the arguments."""
        struct = lists.array
        rows = struct.field("r")
        there = np.flatnonzero(_there(rows))
        lengths = rows.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)[there]
        slots = slots[there]
        if not len(slots):
            return slots, np.zeros(1, np.int64), []
        self._engine.begin(struct.field("n")[0].as_py(), struct.field("s")[0].as_py())
        self.there[slots] = True
        borders = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return slots, borders, rows.flatten().flatten()

    def capture(self, slots: Int64s) -> Lane:
        """Results of these slots as they are now."""
        if not len(slots):
            return self._lane(pa.array([], self._kind))
        lane = self._lane(self._engine.finalize(slots.tolist()))
        self.there[slots] = True  # an object was made for those that had no rows
        return lane

    def array(self, lane: Lane) -> pa.Array:
        """Captured results as Arrow."""
        valid = lane.valid
        if valid is not None and valid.all():
            valid = None
        return self._array(Lane(lane.values, valid), self._kind)

    def saved(self, slots: Int64s) -> pa.Array:
        """The serialised objects; QueryFailed 48 if the function cannot do that."""
        if not self._function.recoverable:
            raise QueryFailed(
                f"The state of function {self._function.name} cannot be kept: it has no serialize "
                "and deserialize.",
                Code.NOT_IMPLEMENTED,
            )
        there = self.there[slots]
        held = slots[there]
        texts = iter(self._engine.serialize(held.tolist()) if len(held) else [])
        return pa.array([next(texts) if each else None for each in there.tolist()], pa.string())

    def load(self, slots: Int64s, saved: pa.Array) -> None:
        """Put back what `saved` gave."""
        there = _there(saved)
        held = slots[there]
        if len(held):
            self._engine.begin(0, 0)
            self._engine.deserialize(held.tolist(), saved.drop_null().to_pylist())
        self.there[held] = True

    @property
    def nbytes(self) -> int:
        """Memory, estimated."""
        return self.there.nbytes + _OBJECT_BYTES * int(np.count_nonzero(self.there))


def _there(array: pa.Array) -> Bools:
    return array.is_valid().to_numpy(zero_copy_only=False)
