"""A row or message that is given up; a leaf that imports no Arrow, numpy or DuckDB."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

# Bytes of a message that a dead letter keeps: as base64 they are the longest text of one.
RAW_BYTES_MAX: Final = 768 << 10


class DeadLetter(msgspec.Struct, frozen=True):
    """A row or message that is given up: as it was, why, and where it came from. `encoding`:
    base64 of a message that is no UTF-8 text. `replayed`: one that was a dead letter, and is
    stored or delivered with this commit. `time_ms`: when it was given up, 0 = now.

    Two of one origin in a dead-letter stream of a source, sink or alert are the same letter.
    """

    raw: str
    error: str
    origin: str
    encoding: Literal["text", "base64"] = "text"
    replayed: bool = False
    time_ms: int = 0
