"""Time limits of tests that hold on a busy machine too: stretched by how busy it is."""

from __future__ import annotations

import time
from collections.abc import Callable

# How much work one look at the machine does, in seconds of processor time.
PROBE_SECONDS = 0.03
PACE_MAX = 12.0
# While something is waited for the machine is looked at so often: a look costs a processor.
LOOK_SECONDS = 1.0
POLL_SECONDS = 0.02


def pace() -> float:
    """How many times longer than alone work takes now: 1 on an idle machine."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < PROBE_SECONDS:
        sum(range(1000))
    return min(max(1.0, (time.monotonic() - began) / PROBE_SECONDS), PACE_MAX)


class Stopwatch:
    """Measures from its making; the limits are those of an idle machine."""

    def __init__(self) -> None:
        self._pace = pace()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time that has passed."""
        return time.monotonic() - self._began

    def within(self, seconds: float, what: str) -> None:
        """Fail if more has passed."""
        passed = self.seconds
        if passed > seconds * self._pace:  # else nobody needs to know how busy it is now
            now = pace()
            assert passed <= seconds * now, f"{what} took {passed:.1f} s, more than {seconds} s"


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something; how long it took. Fails after `seconds` of an idle machine."""
    began = looked = time.monotonic()
    busiest = 1.0
    while not condition():
        now = time.monotonic()
        if now - looked >= LOOK_SECONDS or now - began > seconds * busiest:
            busiest, looked = max(busiest, pace()), now
        passed = now - began
        allowed = seconds * busiest
        assert passed <= allowed, f"{what} took {passed:.1f} s, more than {seconds} s"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began
