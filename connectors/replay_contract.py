"""What a replay of dead letters is asked for, and what it answers; a leaf."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.protocol import Caller

# How long one replay works: what it has not come to by then is for the next call.
REPLAY_SECONDS: Final = 25.0


class ReplayWanted(msgspec.Struct, frozen=True):
    """Which letters: those that were not replayed yet and for which `where` holds, at most `limit`
    of them, the oldest first. `where` is SQL over the columns of the dead-letter stream, '' = all;
    it runs as `caller`, who may run the statement classes `allow`."""

    where: str
    limit: int
    caller: Caller = Caller()
    allow: tuple[str, ...] = ("read",)


class Replayed(msgspec.Struct, frozen=True):
    """Letters that are stored or delivered now, and marked; and letters that failed again, which
    stay, with their new error."""

    replayed: int = 0
    failed: int = 0
