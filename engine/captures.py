"""The state of a kept query between two steps, for threads other than the flow's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from engine.checkpoints import Checkpoint
from engine.replay import capture
from engine.running import Running

# How long a step that waits for the answer of an outside call may take before nothing is captured.
REST_SECONDS_MAX: Final = 5.0


class Queries(Protocol):
    """The running queries of a flow (`engine.lives.Lives`)."""

    running: dict[str, Running]

    def forget(self, query: Running) -> None:
        """Free what a query held."""
        ...


class Late:
    """What is done between steps of a query, unless nobody waits for it any more."""

    def __init__(self, action: Callable[[], Checkpoint | None]) -> None:
        self._action = action
        self._lock = threading.Lock()
        self._over = False
        self._done = threading.Event()
        self.found: Checkpoint | None = None

    def run(self) -> None:
        """The query is between two steps."""
        with self._lock:
            if not self._over:
                self._over = True
                self.found = self._action()
        self._done.set()

    @property
    def done(self) -> bool:
        """Whether it was done: `found` is the answer."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether it was done; it is not done after a wait that was in vain."""
        self._done.wait(seconds)
        with self._lock:
            done, self._over = self._over, True
        return done


class Captures:
    """`halt` and `capture` of `engine.flow.Flow`. `call` runs on the flow thread and waits;
    `threaded`: whether there is such a thread."""

    def __init__(
        self,
        lives: Queries,
        call: Callable[[Callable[[], None]], None],
        threaded: Callable[[], bool],
    ) -> None:
        self._last = False  # all queries are being halted
        self._waited = False  # and for one of them it was waited in vain
        self._lives = lives
        self._call = call
        self._threaded = threaded

    def halt(self, query_id: str, *, full: bool) -> Checkpoint | None:
        """Stop a query; its state after its last step, if that can be had in time."""

        def end() -> Checkpoint | None:
            query = self._lives.running.get(query_id)
            if query is None:
                return None
            found = capture(query, -1, full=full) if query.recorder is not None else None
            query.over = True
            self._lives.forget(query)
            return found

        late = self._at_rest(query_id, end)
        if not late.wait(self.patience):
            self._waited = self._last
            self._call(lambda: _ignore(end()))
            return None
        return late.found

    @property
    def patience(self) -> float:
        """Seconds to wait for a step that waits for the answer of an outside call."""
        return REST_SECONDS_MAX if self._threaded() and not self._waited else 0.0

    def last_wait(self) -> None:
        """All queries are about to be halted: they share one wait."""
        self._last = True

    def capture(
        self, query_id: str, since: int, *, full: bool, needs: Mapping[str, int] | None = None
    ) -> Late:
        """The state of a kept query after its last step, if there is news (`replay.capture`): now,
        or when the answer is in for which its step waits."""

        def look() -> Checkpoint | None:
            query = self._lives.running.get(query_id)
            if query is None or query.over:
                return None
            return capture(query, since, full=full, needs=needs)

        return self._at_rest(query_id, look)

    def _at_rest(self, query_id: str, action: Callable[[], Checkpoint | None]) -> Late:
        late = Late(action)

        def begin() -> None:
            query = self._lives.running.get(query_id)
            if query is not None and query.calls is not None:
                query.calls.when_at_rest(late.run)
            else:
                late.run()

        self._call(begin)
        return late


def _ignore(found: Checkpoint | None) -> None:
    """A state between the parts of a step is none."""
