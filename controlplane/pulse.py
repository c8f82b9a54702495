"""Whether an engine process still answers: one small question at a time, counted in checks."""

from __future__ import annotations

import asyncio
from typing import Final

from engine.errors import TailraceError
from engine.protocol import Engine

# Checks (one a second) without an answer after which the process is taken for dead. Checks and not
# time, so that a control plane that stood still itself does not blame the engine.
UNANSWERED_CHECKS_MAX: Final = 10


class Pulse:
    """Of one workspace's engine. Its event loop answers within milliseconds if it runs at all."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._question: asyncio.Task[None] | None = None
        self._checks = 0

    def lost(self, engine: Engine | None) -> bool:
        """Once a check: asks `engine` (None: not connected) unless a question is open already;
        True when that one stayed open for too many checks."""
        if engine is not self._engine or self._question is None or self._question.done():
            self.close()
            self._engine = engine
            self._checks = 0
            if engine is not None:
                self._question = asyncio.create_task(_ask(engine))
            return False
        self._checks += 1
        return self._checks >= UNANSWERED_CHECKS_MAX

    def close(self) -> None:
        """Forget the open question."""
        if self._question is not None:
            self._question.cancel()
            self._question = None


async def _ask(engine: Engine) -> None:
    try:
        await engine.info()
    except TailraceError:
        return  # an answer too, or the connection is lost, which others see
