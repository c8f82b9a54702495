"""State of a running connector as the REST contract shows it."""

from __future__ import annotations

from typing import Literal

import msgspec

SourceState = Literal["running", "stopped", "failed"]


class SourceStatus(msgspec.Struct, frozen=True):
    """State of a source, sink or alert; `start_ms` is the wall time of its start, 0 = never
    started. What is `failed` here a sink's user is shown as `error`.

    `message` is the error that it is trying to get over, else the last event that was given up,
    else ''.
    """

    id: str
    status: SourceState
    message: str = ""
    start_ms: int = 0
