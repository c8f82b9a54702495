"""Work that other threads hand to one thread: each piece is answered, also when the thread ends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from engine.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class _Piece:
    action: Callable[[], None]
    answer: Future[None] = field(default_factory=Future[None])

    def run(self) -> None:
        try:
            self.action()
        except Exception as error:  # noqa: BLE001 - handed to the caller
            self.answer.set_exception(error)
        else:
            self.answer.set_result(None)


class Handover:
    """`put` and `close` may be called from any thread, `run` by the thread that does the work.

    Bounded by its callers: each waits for its answer, or ends something that runs.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Piece] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, action: Callable[[], None]) -> Future[None]:
        """The answer of `action`; EngineUnavailable when the thread ends before it ran."""
        piece = _Piece(action)
        with self._lock:
            if not self._closed:
                self._waiting.append(piece)
                return piece.answer
        piece.answer.set_exception(EngineUnavailable("The engine is stopping."))
        return piece.answer

    def run(self) -> None:
        """Run what waits, in order; an action's failure is its caller's."""
        while self._waiting:
            self._waiting.popleft().run()

    def close(self) -> None:
        """Answer what still waits, and all that comes, with EngineUnavailable."""
        with self._lock:
            self._closed = True
            left, self._waiting = self._waiting, deque()
        for piece in left:
            piece.answer.set_exception(EngineUnavailable("The engine is stopping."))
