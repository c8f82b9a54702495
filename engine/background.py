"""What the control plane and the connectors ask about background queries; a part of `Engine`.

A sink's query, or an alert's trigger and resolve, run as materialized views do, but their rows go
into a hidden stream of the log, which is read by a position. This module imports no Arrow, numpy
or DuckDB.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from engine.dead_letter import DeadLetter
    from engine.protocol import (
        BackgroundOpened,
        BackgroundQuery,
        BackgroundRows,
        Backtested,
        Caller,
        Definition,
        Position,
        ViewState,
    )

# In the options of a definition: whose background query it is.
BACKGROUND_OF: Final = "background_of"
_KINDS: Final = ("sink", "alert")
# In the options of a materialized view whose rows go into an external object: their columns. They
# are kept as those of a background query, for a writer that reads them under `view:<id>`.
HEADERS: Final = "headers"
_VIEW: Final = "view"


def owner_of(definition: Definition) -> str:
    """Whose background query a definition is; '' of everything else."""
    return str(definition.options.get(BACKGROUND_OF, ""))


def queries_of(definition: Definition) -> tuple[str, ...]:
    """The texts that a view or background query runs."""
    texts: Any = definition.options.get("queries", (definition.query,))
    return tuple(map(str, texts))


def is_background(owner: str) -> bool:
    """Whether an owner is of a kind that has background queries: a sink or an alert."""
    return owner.partition(":")[0] in _KINDS


def writes_outside(definition: Definition) -> bool:
    """Whether a materialized view writes into an external object."""
    return not owner_of(definition) and HEADERS in definition.options


def owner_of_view(definition: Definition) -> str:
    """Under what the writer of such a view reads its rows."""
    return f"{_VIEW}:{definition.id}"


def view_of(owner: str) -> str:
    """The id of the view with this owner; '' if it is none."""
    kind, _, id_ = owner.partition(":")
    return id_ if kind == _VIEW else ""


def hex_of(owner: str) -> str:
    """32 hexadecimal digits: those of the owner's id, or of its text if that is none."""
    try:
        return uuid.UUID(owner.partition(":")[2]).hex
    except ValueError:
        return hashlib.sha256(owner.encode()).hexdigest()[:32]


def hidden_name(owner: str) -> str:
    """The name of an owner's hidden stream."""
    return f"_{owner.partition(':')[0]}_{hex_of(owner)}"


class Background(Protocol):
    """Owners are texts such as "sink:<uuid>" or "alert:<uuid>"; one query each."""

    async def check_background(self, queries: tuple[str, ...]) -> BackgroundOpened:
        """Parse and bind; nothing is made. SqlError (400) unless each is one streaming SELECT, and
        two can run as one."""
        ...

    async def backtest_background(self, queries: tuple[str, ...], minutes: int) -> Backtested:
        """What they would have given if they had been started `minutes` ago, by the appends since
        then, each at its time; nothing is kept. SqlError as `check_background`, UserError 159 when
        it takes longer than 30 s."""
        ...

    async def start_background(self, query: BackgroundQuery, caller: Caller) -> BackgroundOpened:
        """Run it until it is paused or dropped, over every restart; durable on return.

        A new one reads what is appended from now on, unless its SQL rewinds. One that was paused
        or has failed goes on where it was (of what was removed meanwhile with the first row that is
        there); with other queries than before, or when that is asked for, it begins anew, and its
        rows, position and saved records are gone: whoever reads it stops before. Its dead letters
        stay.
        """
        ...

    async def pause_background(self, owner: str) -> None:
        """Stop at the last step and stay so over restarts; safe when it is paused or unknown."""
        ...

    async def drop_background(self, owner: str) -> None:
        """Forget it with its rows, position, saved records and dead-letter stream; safe when it is
        unknown."""
        ...

    async def background_states(self, owners: tuple[str, ...]) -> dict[str, ViewState]:
        """What each does now; unknown owners are left out."""
        ...

    def read_background(self, owner: str, folds: bool = False) -> AsyncIterator[BackgroundRows]:
        """Rows after the stored position: those that are kept, then what comes, a bounded part
        ahead of the reader. NotFound if it is unknown; ends when it is dropped or begun anew,
        EngineUnavailable when the engine stops. A paused one gives what is kept and then waits.
        `folds`: of a local time that the zone of its column has twice, the second one ends with
        its offset, `2026-10-25 02:30:00.000+01:00`; other times stay as they are.
        """
        ...

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """Store in one durable commit: the position, the records of these keys, the dead letters.

        Rows up to `to` may be removed. A position before the stored one leaves that. NotFound if
        the owner is unknown; UserError when its records are too many or too large.
        """
        ...

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        """The stored positions; unknown owners are left out."""
        ...

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """All records that `advance` stored, by owner and key; from memory. Unknown owners are
        left out."""
        ...
