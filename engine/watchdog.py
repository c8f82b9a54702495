"""Interrupts work on one thread that goes on for too long, where nobody else could."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

_POLL_SECONDS: Final = 0.5


class Watchdog:
    """Calls `interrupt` again and again while a guarded block runs longer than `seconds_max`.

    `guard` and `close` are for the working thread; `interrupt` is called on the watchdog's own.
    The limit is exact to half a second. The thread is made with the first guard.
    """

    def __init__(self, interrupt: Callable[[], None], seconds_max: float) -> None:
        self._interrupt = interrupt
        self._polls_max = seconds_max / _POLL_SECONDS
        self._number = 0  # odd while a guarded block runs
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def guard(self) -> Generator[None]:
        """Bound what runs inside; not nested."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()
        self._number += 1
        try:
            yield
        finally:
            with self._lock:  # no interrupt of what comes next
                self._number += 1

    def _watch(self) -> None:
        seen, polls = 0, 0
        while not self._closed.wait(_POLL_SECONDS):
            polls = polls + 1 if self._number == seen else 0
            seen = self._number
            if seen % 2 and polls >= self._polls_max:
                with self._lock:
                    if self._number == seen:
                        self._interrupt()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
