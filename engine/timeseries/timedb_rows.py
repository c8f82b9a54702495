"""Rows of a body of the TimeDB API as columns, taken piece by piece."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from engine.errors import UserError
from engine.timeseries.timedb_bodies import RunRow, Time, ValueRow
from engine.timeseries.timedb_times import MICROSECONDS, column, first_not_later

_NO_TIMES: Final = pa.nulls(0, MICROSECONDS)

# What says of which series a row of a run is: its key, and the id if it has one.
Whose = tuple[str, str | int | None]


class ValueRows:
    """Rows of POST /values; `place` is the body's field that holds them."""

    def __init__(self, place: str) -> None:
        self._here = ("body", place)
        self.count = 0
        self._valid: list[pa.Array] = []
        self._ends: list[pa.Array] = []
        self._values: list[pa.Array] = []

    def clear(self) -> None:
        """See `Taker.clear`."""
        self.count = 0
        for parts in (self._valid, self._ends, self._values):
            parts.clear()

    def take(self, rows: list[ValueRow] | list[RunRow]) -> None:
        """See `Taker.take`; BadBody for what is no time, UserError for an end that is not later."""
        valid = column([row.valid_time for row in rows], self._here, "valid_time", self.count)
        ends: list[Time | None] = [row.valid_time_end for row in rows]
        if any(end is not None for end in ends):
            # Those before had none.
            self._ends.append(pa.nulls(self.count - sum(map(len, self._ends)), MICROSECONDS))
            self._ends.append(self._checked(valid, ends))
        self._valid.append(valid)
        self._values.append(pa.array([row.value for row in rows], pa.float64()))
        self.count += len(rows)

    def _checked(self, valid: pa.Array, ends: list[Time | None]) -> pa.Array:
        found = column(ends, self._here, "valid_time_end", self.count)
        wrong = first_not_later(valid, found)
        if wrong is not None:
            raise UserError(
                f"{self._here[-1]}[{self.count + wrong}]: valid_time_end must be later than "
                "valid_time."
            )
        return found

    @property
    def valid(self) -> pa.Array:
        """The times that the values are about."""
        return pa.concat_arrays([_NO_TIMES, *self._valid])

    @property
    def ends(self) -> pa.Array | None:
        """The ends of their validity; None if no row has one."""
        if not self._ends:
            return None
        left = self.count - sum(map(len, self._ends))
        return pa.concat_arrays([*self._ends, pa.nulls(left, MICROSECONDS)])

    @property
    def values(self) -> pa.Array:
        """The values."""
        return pa.concat_arrays([pa.array([], pa.float64()), *self._values])


class RunRows(ValueRows):
    """Rows of POST /runs."""

    def __init__(self) -> None:
        super().__init__("value_rows")
        # What the rows name, each once, in the order in which it came.
        self.whose: dict[Whose, int] = {}
        self._codes: list[pa.Array] = []

    def clear(self) -> None:
        """See `Taker.clear`."""
        super().clear()
        self.whose.clear()
        self._codes.clear()

    def take(self, rows: list[RunRow]) -> None:  # type: ignore[override]
        """See `Taker.take`."""
        super().take(rows)
        places = self.whose
        codes = [places.setdefault((r.value_key, r.series_id), len(places)) for r in rows]
        self._codes.append(pa.array(codes, pa.int32()))

    @property
    def codes(self) -> pa.Array:
        """Of each row the number of what it names."""
        return pa.concat_arrays([pa.array([], pa.int32()), *self._codes])
