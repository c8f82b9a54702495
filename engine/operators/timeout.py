"""EMIT TIMEOUT: when a substream had no row for a while, its open windows are closed."""

from __future__ import annotations

import numpy as np

from engine.arrays import Int64s
from engine.stateparts import Arrays, Fields, Parts, Saved


class Timeouts(Saved):
    """The instant of the last row of every substream; interval 0 = never."""

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms
        self._seen = np.zeros(1, np.int64)
        self._due: int | None = None
        seen = Arrays(lambda: (self._seen,), self._load)
        self._state = Parts({"seen": seen, "own": Fields(self, "_due")})

    @property
    def interval(self) -> int:
        """Milliseconds; 0 = never."""
        return self._interval

    def _load(self, arrays: list[Int64s]) -> None:
        self._seen = arrays[0]

    def rows(self, substreams: Int64s | None, count: int, instant_ms: int) -> None:
        """Rows came in these substreams (None = the only one) of `count`."""
        if not self._interval:
            return
        if len(self._seen) < count:
            seen = np.zeros(max(count, 2 * len(self._seen)), np.int64)
            seen[: len(self._seen)] = self._seen
            self._seen = seen
        if substreams is None:
            self._seen[0] = instant_ms
        else:
            self._seen[substreams] = instant_ms
        if self._due is None:
            self._due = instant_ms + self._interval

    def due_ms(self) -> int | None:
        """When a timeout may have come; never later than the first that has."""
        return self._due

    def expired(self, open_substreams: Int64s, instant_ms: int) -> Int64s:
        """The substreams with open windows whose time is over."""
        if self._due is None or instant_ms < self._due:
            return np.zeros(0, np.int64)
        over = self._seen[open_substreams] + self._interval <= instant_ms
        waiting = open_substreams[~over]
        self._due = int(self._seen[waiting].min()) + self._interval if len(waiting) else None
        return open_substreams[over]

    def restart(self, instant_ms: int) -> None:
        """Count from now: the past is read."""
        self._seen[:] = instant_ms
        if self._interval:
            self._due = instant_ms + self._interval
