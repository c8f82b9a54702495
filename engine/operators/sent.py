"""Rows of groups as they were sent last, for EMIT CHANGELOG, which takes them back first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, Lane, enlarged
from engine.sql.plan_parts import Partial
from engine.state import Accumulators


class Sent:
    """By slot of the groups: whether a row was sent, and its merged partials."""

    def __init__(self, partials: Sequence[Partial]) -> None:
        plain = [
            replace(p, merge="last", by="", keep=0, counted=None, function=None) for p in partials
        ]
        self._rows = Accumulators(plain)
        self._there = np.zeros(0, np.bool_)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        if capacity > len(self._there):
            self._there = enlarged(self._there, capacity)
            self._rows.grow(capacity)

    def there(self, slots: Int64s) -> Bools:
        """Whether a row of the group stands."""
        return self._there[slots]

    def arrays(self, slots: Int64s) -> list[pa.Array]:
        """The partials as they were sent."""
        return self._rows.arrays(self._rows.capture(slots))

    def put(self, slots: Int64s, lanes: Sequence[Lane]) -> None:
        """These rows stand now."""
        self._rows.clear(slots)
        self._rows.merge(slots, lanes)
        self._there[slots] = True

    def forget(self, slots: Int64s) -> None:
        """No row stands."""
        self._rows.clear(slots)
        self._there[slots] = False

    def saved(self, slots: Int64s) -> dict[str, pa.Array]:
        """These slots for a checkpoint, as columns sent, s0, s1, ..."""
        rows = {f"s{name}": column for name, column in self._rows.saved(slots).items()}
        return {"sent": pa.array(self._there[slots])} | rows

    def load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        """Put back what `saved` gave."""
        there = rows.column("sent").to_numpy(zero_copy_only=False)
        self._there[slots] = there
        names = [name for name in rows.schema.names if name.startswith("sp")]
        held = pa.RecordBatch.from_arrays(
            [rows.column(name) for name in names], [name[1:] for name in names]
        )
        self._rows.load(slots, held)

    @property
    def nbytes(self) -> int:
        """Memory."""
        return self._rows.nbytes + self._there.nbytes


class SentWindows(Sent):
    """The same by slot of the groups of windows, with the bounds that were shown, in ticks."""

    def __init__(self, partials: Sequence[Partial]) -> None:
        super().__init__(partials)
        self._starts = np.zeros(0, np.int64)
        self._ends = np.zeros(0, np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        super().grow(capacity)
        if capacity > len(self._starts):
            self._starts = enlarged(self._starts, capacity)
            self._ends = enlarged(self._ends, capacity)

    def bounds(self, slots: Int64s) -> tuple[Int64s, Int64s]:
        """window_start and window_end of the rows that stand."""
        return self._starts[slots], self._ends[slots]

    def put_bounds(self, slots: Int64s, starts: Int64s, ends: Int64s) -> None:
        """Those of the rows that stand now."""
        self._starts[slots] = starts
        self._ends[slots] = ends

    def saved(self, slots: Int64s) -> dict[str, pa.Array]:
        """As `Sent.saved`, and columns sent_start and sent_end."""
        bounds = {"sent_start": self._starts[slots], "sent_end": self._ends[slots]}
        return super().saved(slots) | {name: pa.array(each) for name, each in bounds.items()}

    def load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        """Put back what `saved` gave."""
        super().load(slots, rows)
        self._starts[slots] = rows.column("sent_start").to_numpy()
        self._ends[slots] = rows.column("sent_end").to_numpy()

    @property
    def nbytes(self) -> int:
        """Memory."""
        return super().nbytes + self._starts.nbytes + self._ends.nbytes
