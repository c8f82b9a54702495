"""A memory of answers that is bounded in entries and in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from engine.clock import Clock

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Remembers the newest entries for a while; the oldest go first."""

    def __init__(self, entries_max: int, seconds: float, clock: Clock) -> None:
        self._entries: dict[str, tuple[Value, float]] = {}
        self._entries_max = entries_max
        self._seconds = seconds
        self._clock = clock

    def get(self, key: str) -> Value | None:
        """The value if it is young enough."""
        entry = self._entries.get(key)
        if entry is None or entry[1] < self._clock.monotonic():
            return None
        return entry[0]

    def ageing(self, key: str) -> bool:
        """Whether half of its time or more is over: to be asked for anew before it is."""
        entry = self._entries.get(key)
        return entry is not None and entry[1] - self._clock.monotonic() < self._seconds / 2

    def put(self, key: str, value: Value) -> None:
        """Remember; drops the oldest entry when full."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._entries_max:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (value, self._clock.monotonic() + self._seconds)

    def drop(self, unwanted: Callable[[Value], bool]) -> None:
        """Forget the entries whose value fits."""
        gone = [key for key, (value, _) in self._entries.items() if unwanted(value)]
        for key in gone:
            del self._entries[key]
