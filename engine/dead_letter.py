"""A row or message that is given up; a leaf that imports no Arrow, numpy or DuckDB."""

from __future__ import annotations

from typing import Literal

import msgspec


class DeadLetter(msgspec.Struct, frozen=True):
    """A row or message that is given up: as it was, why, and where it came from. `encoding`:
    base64 of a message that is no UTF-8 text. `replayed`: one that was a dead letter, and is
    stored or delivered with this commit.

    Two of one origin in a dead-letter stream of a source, sink or alert are the same letter.
    """

    raw: str
    error: str
    origin: str
    encoding: Literal["text", "base64"] = "text"
    replayed: bool = False
