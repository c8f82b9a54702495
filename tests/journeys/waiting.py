"""Time limits of tests that hold on a busy machine too: stretched by how busy it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable

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


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncGenerator[None]:
    """`asyncio.timeout`, but `seconds` are those of an idle machine."""
    loop = asyncio.get_running_loop()
    began, busiest = loop.time(), 1.0

    def look() -> None:
        nonlocal busiest, timer
        busiest = max(busiest, pace())
        left = began + seconds * busiest - loop.time()
        if left <= 0:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(min(left, LOOK_SECONDS), look)

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(min(seconds, LOOK_SECONDS), look)
        try:
            yield
        finally:
            timer.cancel()


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for something of another thread or process; TimeoutError after `seconds` of an idle
    machine."""
    async with within(seconds):
        while not condition():
            await asyncio.sleep(POLL_SECONDS)
