"""One generic repository bound to a workspace, and the few look-ups that cross workspaces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.identity import Identities
from controlplane.db.row_cache import RowCache
from controlplane.db.tables import (
    Alert,
    ApiKey,
    Dashboard,
    Invitation,
    InWorkspace,
    Membership,
    SavedQuery,
    Sink,
    Source,
    Workspace,
)

Row = TypeVar("Row", bound=InWorkspace)
Sessions = async_sessionmaker[AsyncSession]

# Before the name of a workspace that is being deleted. No address can hold it, so that nobody
# reaches the workspace any more, and the name stays taken until all of it is gone.
LEAVING: Final = "!"


class Conflict(Exception):
    """A unique value is taken already."""


class Repository(Generic[Row]):
    """Rows of one table in one workspace; every statement carries the workspace's id.

    `where` are equalities by column name. Rows come back detached; with a `cache` of reads by id,
    the same object to all who ask.
    """

    def __init__(
        self,
        sessions: Sessions,
        table: type[Row],
        workspace_id: str,
        cache: RowCache | None = None,
    ) -> None:
        self._sessions = sessions
        self._table = table
        self._workspace_id = workspace_id
        self._shelf = (table.__name__, workspace_id)
        self._cache = cache

    def _conditions(self, where: dict[str, Any]) -> list[Any]:
        mine = [self._table.workspace_id == self._workspace_id]
        return mine + [getattr(self._table, name) == value for name, value in where.items()]

    async def get(self, **where: Any) -> Row | None:
        """The row that fits, or None."""
        cache = self._cache if where.keys() == {"id"} else None
        if cache is None:
            return await self._read(where)
        key = (self._shelf, str(where["id"]))
        found = cache.find(key)
        if found is None:
            writes = cache.writes
            found = await self._read(where)
            if found is not None:
                cache.keep(key, found, writes)
        return found

    async def own(self, **where: Any) -> Row | None:
        """As `get`, always from the store: an object that nobody else has."""
        return await self._read(where)

    async def _read(self, where: dict[str, Any]) -> Row | None:
        async with self._sessions() as session:
            return await session.scalar(select(self._table).where(*self._conditions(where)))

    async def list(self, order: str, **where: Any) -> Sequence[Row]:
        """All rows that fit, ordered by one column, then by id."""
        statement = select(self._table).where(*self._conditions(where))
        statement = statement.order_by(getattr(self._table, order), self._table.id)
        async with self._sessions() as session:
            return (await session.scalars(statement)).all()

    async def count(self, **where: Any) -> int:
        """How many rows fit."""
        statement = select(func.count()).select_from(self._table).where(*self._conditions(where))
        async with self._sessions() as session:
            return await session.scalar(statement) or 0

    async def add(self, row: Row) -> None:
        """Store a new row in this workspace; Conflict if a unique value is taken."""
        row.workspace_id = self._workspace_id
        async with self._sessions() as session:
            session.add(row)
            try:
                await session.commit()
            except IntegrityError:
                raise Conflict from None

    async def update(self, identity: str, **values: Any) -> bool:
        """Change one row by id; False if it is not there."""
        statement = update(self._table).where(*self._conditions({"id": identity})).values(**values)
        async with self._writing() as session:
            result = await session.execute(statement)
            await session.commit()
        return _changed(result) > 0

    async def delete(self, **where: Any) -> int:
        """Remove the rows that fit; how many there were."""
        async with self._writing() as session:
            result = await session.execute(delete(self._table).where(*self._conditions(where)))
            await session.commit()
        return _changed(result)

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[AsyncSession]:
        """A session after which nothing that was read before is kept, however it ended."""
        try:
            async with self._sessions() as session:
                yield session
        finally:
            if self._cache is not None:
                self._cache.written(self._shelf)


def _changed(result: Any) -> int:
    return int(result.rowcount)


class Directory(Identities):
    """What must be found before a workspace is known, and the repositories of each."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(sessions)
        self._cache = RowCache()

    async def workspaces(self) -> Sequence[Workspace]:
        """All workspaces by name, but those that are being deleted."""
        statement = select(Workspace).where(~Workspace.name.startswith(LEAVING))
        async with self._sessions() as session:
            return (await session.scalars(statement.order_by(Workspace.name))).all()

    async def ping(self) -> bool:
        """Whether the database answers."""
        try:
            async with self._sessions() as session:
                await session.execute(select(1))
        except (OSError, SQLAlchemyError):
            return False
        return True

    def memberships(self, workspace_id: str) -> Repository[Membership]:
        """Roles of users in one workspace."""
        return Repository(self._sessions, Membership, workspace_id)

    def invitations(self, workspace_id: str) -> Repository[Invitation]:
        """Invitations to one workspace."""
        return Repository(self._sessions, Invitation, workspace_id)

    def keys(self, workspace_id: str) -> Repository[ApiKey]:
        """API keys of one workspace."""
        return Repository(self._sessions, ApiKey, workspace_id)

    def sources(self, workspace_id: str) -> Repository[Source]:
        """Sources of one workspace."""
        return Repository(self._sessions, Source, workspace_id, self._cache)

    def sinks(self, workspace_id: str) -> Repository[Sink]:
        """Sinks of one workspace."""
        return Repository(self._sessions, Sink, workspace_id, self._cache)

    def alerts(self, workspace_id: str) -> Repository[Alert]:
        """Alerts of one workspace."""
        return Repository(self._sessions, Alert, workspace_id, self._cache)

    def saved_queries(self, workspace_id: str) -> Repository[SavedQuery]:
        """Saved queries of one workspace."""
        return Repository(self._sessions, SavedQuery, workspace_id, self._cache)

    def dashboards(self, workspace_id: str) -> Repository[Dashboard]:
        """Dashboards of one workspace."""
        return Repository(self._sessions, Dashboard, workspace_id, self._cache)
