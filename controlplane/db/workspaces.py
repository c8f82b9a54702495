"""Rows of the workspaces themselves: settings, the mark of a deletion, removal with all theirs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select, union, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.repository import LEAVING
from controlplane.db.tables import Alert, Base, Sink, Source, Workspace

log = logging.getLogger("tailrace.workspaces")

# What runs for a workspace though nobody asks.
RUNNING: Final = (Source, Sink, Alert)


class WorkspaceTable:
    """All workspaces of the installation, in one transaction per method."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self._at_work: frozenset[str] = frozenset()

    async def leaving(self) -> Sequence[Workspace]:
        """Those whose deletion has begun and is not done."""
        statement = select(Workspace).where(Workspace.name.startswith(LEAVING))
        async with self._sessions() as session:
            return (await session.scalars(statement)).all()

    async def get(self, name: str) -> Workspace | None:
        """The workspace of this name, or None."""
        async with self._sessions() as session:
            return await session.scalar(select(Workspace).where(Workspace.name == name))

    async def count(self) -> int:
        """How many there are, those being deleted included."""
        async with self._sessions() as session:
            return await session.scalar(select(func.count()).select_from(Workspace)) or 0

    async def change_settings(
        self, identity: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> bool:
        """Replace the settings by what `change` makes of them; False if there is none."""
        async with self._sessions() as session:
            statement = select(Workspace).where(Workspace.id == identity).with_for_update()
            row = await session.scalar(statement)
            if row is None:
                return False
            row.settings = change(dict(row.settings))
            await session.commit()
        return True

    async def mark_leaving(self, workspace: Workspace) -> None:
        """From here on nobody can use it, and its deletion is finished whatever happens."""
        statement = update(Workspace).where(Workspace.id == workspace.id)
        async with self._sessions() as session:
            await session.execute(statement.values(name=LEAVING + workspace.name))
            await session.commit()

    async def remove(self, identity: str) -> None:
        """Delete it with every row of every table that belongs to it."""
        async with self._sessions() as session:
            for table in reversed(Base.metadata.sorted_tables):
                if "workspace_id" in table.c:
                    await session.execute(delete(table).where(table.c.workspace_id == identity))
            await session.execute(delete(Workspace).where(Workspace.id == identity))
            await session.commit()

    async def at_work(self) -> frozenset[str]:
        """Names of the workspaces that have something running outside their engine.

        While the database does not answer: those that had when it last did.
        """
        wanted = union(
            *(select(kind.workspace_id).where(kind.wanted == "running") for kind in RUNNING)
        )
        statement = select(Workspace.name).where(
            Workspace.id.in_(wanted), ~Workspace.name.startswith(LEAVING)
        )
        try:
            async with self._sessions() as session:
                self._at_work = frozenset((await session.scalars(statement)).all())
        except (OSError, SQLAlchemyError):
            log.warning("it is not known which workspaces have something that runs")
        return self._at_work
