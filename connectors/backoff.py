"""How long to wait before the next attempt: full jitter between a first and a last bound."""

from __future__ import annotations

import random
from typing import Final

FIRST_SECONDS: Final = 0.5
LAST_SECONDS: Final = 60.0


class Backoff:
    """Delays drawn from 0 up to a bound that doubles from 0.5 s to 60 s.

    Full jitter spreads the attempts of many clients of one failed system; the seed comes from the
    clock, so a test repeats its delays.
    """

    def __init__(self, seed: int, first: float = FIRST_SECONDS, last: float = LAST_SECONDS) -> None:
        self._random = random.Random(seed)
        self._first = first
        self._last = last
        self.attempts = 0

    def next(self) -> float:
        """Seconds to wait now; each call is one more failed attempt."""
        # 2.0 ** 63 is far above any bound and far below overflow.
        bound = min(self._last, self._first * 2.0 ** min(self.attempts, 63))
        self.attempts += 1
        return self._random.uniform(0.0, bound)

    def reset(self) -> None:
        """Something worked: the next failure starts from the first bound."""
        self.attempts = 0
