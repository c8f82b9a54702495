"""The newest lines of the log, kept in memory for those who cannot read stderr."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

import msgspec

# What one looks at after something went wrong; about 1 MB at most.
LINES_MAX: Final = 500
CHARS_MAX: Final = 2_000


class LogLine(msgspec.Struct, frozen=True):
    """One record; `time_ms` since the epoch."""

    time_ms: int
    level: str
    logger: str
    message: str


class RecentLogs(logging.Handler):
    """Keeps the newest records, each cut to CHARS_MAX."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=LINES_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it; a record that cannot be told disturbs nobody, as with any handler."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):  # its arguments do not fit its text
            self.handleError(record)
            return
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {record.exc_info[1]!r}"
        self._lines.append(
            LogLine(
                int(record.created * 1000), record.levelname.lower(), record.name, text[:CHARS_MAX]
            )
        )

    def newest(self, count: int) -> list[LogLine]:
        """So many lines, the newest first."""
        return list(self._lines)[: -count - 1 : -1]


# One for the process, as the root logger is.
RECENT: Final = RecentLogs()
