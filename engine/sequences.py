"""Values of groups in order of arrival, from which retractions take the nearest equal one away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from engine.arrays import Int64s
from engine.comparing import hashable

_GROUP_BYTES = 600  # a group with its two dictionaries, as measured
_VALUE_BYTES = 260  # one more value with its place


class _Group:
    """What is left of one group. `places`: arrival numbers by value; `debts`: by value how often it
    was taken away before it came, as copies of it."""

    __slots__ = ("debts", "left", "places")

    def __init__(self) -> None:
        self.left: dict[int, Any] = {}
        self.places: dict[Any, list[int]] = {}
        self.debts: dict[Any, list[Any]] = {}


class Sequences:
    """Lists by group (a slot of somebody else's table)."""

    def __init__(self) -> None:
        self._groups: dict[int, _Group] = {}
        self._next = 0
        self._values = 0

    def merge(self, groups: Int64s, values: pa.Array, weights: Int64s) -> None:
        """Rows in order of arrival: the group of each, its value, +1 or -1."""
        rows = zip(groups.tolist(), values.to_pylist(), weights.tolist(), strict=True)
        for group, value, weight in rows:
            held = self._groups.get(group)
            if held is None:
                held = self._groups[group] = _Group()
            if weight > 0:
                self._add(held, value)
            else:
                self._take(held, value)

    def _add(self, held: _Group, value: Any) -> None:
        key = hashable(value)
        if key in held.debts:
            held.debts[key].pop()
            if not held.debts[key]:
                del held.debts[key]
            return
        held.left[self._next] = value
        held.places.setdefault(key, []).append(self._next)
        self._next += 1
        self._values += 1

    def _take(self, held: _Group, value: Any) -> None:
        key = hashable(value)
        places = held.places.get(key)
        if places is None:
            held.debts.setdefault(key, []).append(value)
            return
        del held.left[places.pop()]
        if not places:
            del held.places[key]
        self._values -= 1

    def values(self, group: int) -> list[Any]:
        """What is left, earlier arrivals first."""
        held = self._groups.get(group)
        return [] if held is None else list(held.left.values())

    def first(self, group: int) -> list[Any]:
        """The earliest value, alone in a list; empty without one."""
        held = self._groups.get(group)
        return [] if held is None or not held.left else [next(iter(held.left.values()))]

    def last(self, group: int) -> list[Any]:
        """The latest value, likewise."""
        held = self._groups.get(group)
        return [] if held is None or not held.left else [next(reversed(held.left.values()))]

    def clear(self, groups: Sequence[int]) -> None:
        """Forget these groups."""
        for group in groups:
            held = self._groups.pop(group, None)
            if held is not None:
                self._values -= len(held.left)

    def debts(self, group: int) -> list[Any]:
        """Values that were taken away and never came."""
        held = self._groups.get(group)
        return [] if held is None else [each for debt in held.debts.values() for each in debt]

    @property
    def nbytes(self) -> int:
        """Memory, estimated."""
        return _GROUP_BYTES * len(self._groups) + _VALUE_BYTES * self._values
