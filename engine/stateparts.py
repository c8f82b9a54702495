"""State of operators for checkpoints, put together of named parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.checkpoint import StateDelta

Int64s = npt.NDArray[np.int64]

_AT = "at"
_SIZE = "size"


class Part(Protocol):
    """What operators do for checkpoints (`Checkpointed`), done by a piece of their state.

    A part notes changes only after the first call of either method, so that queries without
    checkpoints pay nothing. A first call of `changes` gives the whole state whatever is asked.
    """

    def changes(self, *, full: bool) -> StateDelta | None:
        """What changed since the last call (all of it if `full`); None = nothing, or as new."""
        ...

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that these describe, in order; on a new object, before anything else."""
        ...


def since_full(deltas: Sequence[StateDelta]) -> Sequence[StateDelta]:
    """The deltas from the last whole one on: what was before it no longer counts."""
    starts = [at for at, delta in enumerate(deltas) if delta.full]
    return deltas[starts[-1] :] if starts else deltas


class Parts:
    """Parts by name as one; the tables and values of part `a` are called `a/...` in the delta.

    An operator makes one in its constructor and gives `changes` and `restore` on to it:

        self._state = Parts({"keys": Slotted(table), "own": Fields(self, "_rows", "_past")})
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = dict(parts)
        self._begun = False

    def changes(self, *, full: bool) -> StateDelta | None:
        """The changes of all parts; None when none has any."""
        full = full or not self._begun
        self._begun = True
        tables: dict[str, pa.RecordBatch] = {}
        values: dict[str, Any] = {}
        for name, part in self._parts.items():
            delta = part.changes(full=full)
            if delta is None:
                continue
            values[name] = delta.full
            tables.update({f"{name}/{key}": rows for key, rows in delta.tables.items()})
            values.update({f"{name}/{key}": value for key, value in delta.values.items()})
        return StateDelta(tables, values, full) if values else None

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Every part takes its own; parts of which nothing is said stay as new."""
        self._begun = True
        known = since_full(deltas)
        for name, part in self._parts.items():
            found = [_of_part(name, delta) for delta in known if name in delta.values]
            part.restore(found)


def _of_part(name: str, delta: StateDelta) -> StateDelta:
    head = f"{name}/"
    return StateDelta(
        {key[len(head) :]: rows for key, rows in delta.tables.items() if key.startswith(head)},
        {key[len(head) :]: value for key, value in delta.values.items() if key.startswith(head)},
        bool(delta.values[name]),
    )


class Saved:
    """Gives `changes` and `restore` on to `_state`, which the constructor of a subclass sets.

    Of several bases it comes first: `class Limit(Saved, Plain)`.
    """

    _state: Part

    def changes(self, *, full: bool) -> StateDelta | None:
        """What of the state changed since the last call (`Checkpointed`, `Part`)."""
        return self._state.changes(full=full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that these describe, in order."""
        self._state.restore(deltas)


class Fields:
    """Attributes of an object as a part: whole numbers, bools, texts, None and lists of them."""

    def __init__(self, owner: object, *names: str) -> None:
        self._owner = owner
        self._names = names
        self._last: dict[str, Any] | None = None

    def changes(self, *, full: bool) -> StateDelta | None:
        """All of them when one changed."""
        now = {name: _plain(getattr(self._owner, name)) for name in self._names}
        if not full and now == self._last:
            return None
        self._last = now
        return StateDelta({}, now)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The last that was said."""
        for name, value in deltas[-1].values.items() if deltas else ():
            setattr(self._owner, name, value)
        self._last = {name: _plain(getattr(self._owner, name)) for name in self._names}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list[Any](value) if isinstance(value, list | tuple) else value


class Small:
    """Rows that are few and there only now and then: given whole whenever they differ.

    `read` gives the rows (None = nothing to say), `write` takes them.
    """

    def __init__(
        self,
        read: Callable[[], pa.RecordBatch | None],
        write: Callable[[pa.RecordBatch], None],
    ) -> None:
        self._read = read
        self._write = write
        self._last: pa.RecordBatch | None = None

    def changes(self, *, full: bool) -> StateDelta | None:
        """The rows when they differ from the last time, or that there are none any more."""
        rows = self._read()
        if rows is None and self._last is None:
            return None
        if rows is not None and not full and self._last is not None and rows.equals(self._last):
            return None
        self._last = rows
        return StateDelta({} if rows is None else {"rows": rows})

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The last that was said."""
        self._last = deltas[-1].tables.get("rows") if deltas else None
        if self._last is not None:
            self._write(self._last)


class Arrays:
    """Whole-number arrays of one common length, by position (substreams), that only grow.

    What changed is found by comparing with a copy of what was said last: for arrays that their
    owner goes through anyway. `fill`: what entries are until something happens to them.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Int64s]],
        write: Callable[[list[Int64s]], None],
        fill: int = 0,
    ) -> None:
        self._read = read
        self._write = write
        self._fill = fill
        self._last: list[Int64s] | None = None

    def changes(self, *, full: bool) -> StateDelta | None:
        """The positions at which a value differs from the last time, with all their values."""
        now = list(self._read())
        size = len(now[0])
        whole = full or self._last is None
        differs = np.zeros(size, np.bool_)
        known = 0 if whole or self._last is None else len(self._last[0])
        for at, array in enumerate(now):
            differs[known:] |= array[known:] != self._fill
            if known and self._last is not None:
                differs[:known] |= array[:known] != self._last[at]
        at = np.flatnonzero(differs)
        if not len(at) and not whole and size == known:
            return None
        self._last = [array.copy() for array in now]
        columns = {_AT: pa.array(at)}
        columns.update({f"c{n}": pa.array(array[at]) for n, array in enumerate(now)})
        return StateDelta({"rows": pa.record_batch(columns)}, {_SIZE: size}, whole)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Fill in position by position."""
        known = since_full(deltas)
        if not known:
            return
        size = int(known[-1].values[_SIZE])
        arrays = [np.full(size, self._fill, np.int64) for _ in self._read()]
        for delta in known:
            rows = delta.tables["rows"]
            at = rows.column(_AT).to_numpy()
            for n, array in enumerate(arrays):
                array[at] = rows.column(f"c{n}").to_numpy()
        self._last = [array.copy() for array in arrays]
        self._write(arrays)
