"""State of a running connector as the REST contract shows it."""

from __future__ import annotations

from typing import Literal

import msgspec

SourceState = Literal["running", "stopped", "failed"]


class SourceStatus(msgspec.Struct, frozen=True):
    """State of a source; `start_ms` is the wall time of its start, 0 = never started.

    `message` is the error that it is trying to get over, else ''.
    """

    id: str
    status: SourceState
    message: str = ""
    start_ms: int = 0
