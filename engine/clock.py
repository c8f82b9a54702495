"""The one source of time, ids and randomness; a manual twin makes tests run in virtual time."""

from __future__ import annotations

import random
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """What everything that needs time, ids or randomness is given. Thread-safe, never blocks."""

    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch, UTC. Never goes back within one process."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that only measures differences."""
        ...

    def uuid4(self) -> str:
        """A new random UUID as text."""
        ...

    def seed(self) -> int:
        """A 63-bit seed for a query's or a generator's own random stream."""
        ...


class SystemClock:
    """The real clock. `now_ms` is held at its maximum, so that instants never go back."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._random = random.SystemRandom()

    def now_ms(self) -> int:
        """Wall time in milliseconds; a wall clock that is set back stands still here."""
        now = time.time_ns() // 1_000_000
        if now > self._last_ms:
            self._last_ms = now
        return self._last_ms

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def uuid4(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())

    def seed(self) -> int:
        """63 random bits from the operating system."""
        return self._random.getrandbits(63)


class ManualClock:
    """Virtual time for tests: stands still until `advance`; ids and seeds follow from `seed`."""

    def __init__(self, start_ms: int = 1_767_225_600_000, seed: int = 1) -> None:
        self._now_ms = start_ms
        self._random = random.Random(seed)

    def now_ms(self) -> int:
        """The virtual instant."""
        return self._now_ms

    def monotonic(self) -> float:
        """The virtual instant in seconds."""
        return self._now_ms / 1000

    def uuid4(self) -> str:
        """The next UUID of the seeded sequence."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def seed(self) -> int:
        """The next seed of the seeded sequence."""
        return self._random.getrandbits(63)

    def advance(self, milliseconds: int) -> None:
        """Move time forward. Whoever runs timers must be told separately (`Flow.wake`)."""
        self._now_ms += milliseconds
