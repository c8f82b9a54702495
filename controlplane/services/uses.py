"""What refuses to be dropped says by name who uses it, also when the user has its name here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from controlplane.auth import Principal
from controlplane.db.repository import Directory
from controlplane.db.tables import Alert, Sink, Source
from engine.errors import Code, UserError

OWNER: Final = re.compile(r"(?:source|sink|alert):([0-9a-f-]{36})")

T = TypeVar("T")


class Uses:
    """Names the owners that the engine knows by id only."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def named(self, principal: Principal, answer: Awaitable[T]) -> T:
        """The answer; its refusal (code 630) with the names of sources, sinks and alerts in place
        of their ids, or beside them where several have one name."""
        try:
            return await answer
        except UserError as error:
            if error.code != Code.HAVE_DEPENDENT_OBJECTS:
                raise
            names = await self._names(principal.workspace_id)
            text = OWNER.sub(lambda found: names.get(found[1], found[0]), error.message)
            raise type(error)(text, error.code, error.system) from None

    async def _names(self, workspace_id: str) -> dict[str, str]:
        return {
            **names_by_id("source", await self._directory.sources(workspace_id).list("name")),
            **names_by_id("sink", await self._directory.sinks(workspace_id).list("name")),
            **names_by_id("alert", await self._directory.alerts(workspace_id).list("name")),
        }


def names_by_id(kind: str, rows: Sequence[Source | Sink | Alert]) -> dict[str, str]:
    """What a refusal calls each of a workspace's rows of one kind: its name, and its id where the
    name alone does not say which it is."""
    times = Counter(row.name for row in rows)
    return {
        row.id: f"{kind} {row.name}" + (f" ({row.id})" if times[row.name] > 1 else "")
        for row in rows
    }
