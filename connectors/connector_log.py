"""What happened to a connector, as lines of text; the newest ones."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Final, Literal

from engine.clock import Clock

LINES_MAX: Final = 500
LINE_CHARS_MAX: Final = 1_000


class ConnectorLog:
    """A bounded list of lines, oldest first. For one loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: deque[str] = deque(maxlen=LINES_MAX)
        self._last = ""

    def add(self, level: Literal["INFO", "WARN", "ERROR"], text: str) -> None:
        """Add a line; one that says the same as the last is left out."""
        said = f"{level} {' '.join(text.split())}"[:LINE_CHARS_MAX]
        if said == self._last:
            return
        self._last = said
        moment = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._lines.append(f"{stamp} {said}")

    def newest(self, lines: int) -> list[str]:
        """At most so many lines, oldest first."""
        return list(self._lines)[-lines:] if lines > 0 else []
