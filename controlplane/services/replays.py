"""Replays of dead letters: what a caller may ask for, and one at a time of each source or sink."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from connectors.replay_contract import Replayed, ReplayWanted
from controlplane import problems
from controlplane.auth import Principal
from controlplane.services.authored import check_text
from controlplane.services.connector_rows import reach
from controlplane.services.engines import WorkspaceEngine
from engine.errors import NotFound, SqlError

# In the options of a dead-letter stream: whose it is.
OWNER: Final = "dead_letters_of"
LETTERS_DEFAULT: Final = 1_000
# Of one call: their origins are held at once.
LETTERS_MAX: Final = 10_000
WHERE_CHARS_MAX: Final = 64 << 10


class LettersAsked(msgspec.Struct, frozen=True):
    """Which letters, as the caller says."""

    where: str = ""
    limit: int = LETTERS_DEFAULT

    def wanted(self, principal: Principal) -> ReplayWanted:
        """What the connectors are asked for; 400 for what is out of bounds."""
        check_text(self.where, "where", WHERE_CHARS_MAX)
        if not 1 <= self.limit <= LETTERS_MAX:
            raise problems.bad_request(f"limit is from 1 to {LETTERS_MAX}.")
        return ReplayWanted(self.where, self.limit, principal.caller, principal.statement_classes())


def letters_of(workspace: WorkspaceEngine, begin: str) -> dict[str, str]:
    """The names of the dead-letter streams of owners that begin so, by what follows."""
    streams = workspace.snapshot.definitions
    found = ((str(stream.options.get(OWNER, "")), stream.name) for stream in streams)
    return {owner.removeprefix(begin): name for owner, name in found if owner.startswith(begin)}


async def replayed(ask: Callable[[], Awaitable[Replayed]]) -> Replayed:
    """What a replay did. A stream that is gone is an illegal state (400), not an unknown address;
    connectors or an engine that went away are 429: what was marked before is not tried again."""
    try:
        return await reach(ask())
    except NotFound as error:
        raise SqlError(error.message, error.code, error.system) from None
