"""Numbers and instants of the TimeDB API, each given once and always larger than those before."""

from __future__ import annotations

import threading
from typing import NamedTuple

from engine.clock import Clock


class Block(NamedTuple):
    """What one run or one update gets: its instant in microseconds, the number of its batch, and
    the first of its values' numbers."""

    instant_us: int
    batch_id: int
    value_id: int


class Ids:
    """Owns the counters. For any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = Block(0, 0, 0)

    def begin(self, last: Block) -> None:
        """Go on behind what is stored."""
        with self._lock:
            self._last = Block(*map(max, self._last, last))

    def take(self, values: int, batches: int = 1) -> Block:
        """The next numbers, and an instant that no other block has: who writes later is later."""
        with self._lock:
            last = self._last
            instant = max(self._clock.now_ms() * 1000, last.instant_us + 1)
            self._last = Block(instant, last.batch_id + batches, last.value_id + values)
            return Block(instant, last.batch_id + 1, last.value_id + 1)
