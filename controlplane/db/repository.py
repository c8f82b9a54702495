"""One generic repository bound to a workspace, and the few look-ups that cross workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.tables import ApiKey, InWorkspace, Source, User, Workspace

Row = TypeVar("Row", bound=InWorkspace)
Sessions = async_sessionmaker[AsyncSession]


class Conflict(Exception):
    """A unique value is taken already."""


class Repository(Generic[Row]):
    """Rows of one table in one workspace; every statement carries the workspace's id.

    `where` are equalities by column name. Rows come back detached.
    """

    def __init__(self, sessions: Sessions, table: type[Row], workspace_id: str) -> None:
        self._sessions = sessions
        self._table = table
        self._workspace_id = workspace_id

    def _conditions(self, where: dict[str, Any]) -> list[Any]:
        mine = [self._table.workspace_id == self._workspace_id]
        return mine + [getattr(self._table, name) == value for name, value in where.items()]

    async def get(self, **where: Any) -> Row | None:
        """The row that fits, or None."""
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
        async with self._sessions() as session:
            result = await session.execute(statement)
            await session.commit()
        return _changed(result) > 0

    async def delete(self, **where: Any) -> int:
        """Remove the rows that fit; how many there were."""
        async with self._sessions() as session:
            result = await session.execute(delete(self._table).where(*self._conditions(where)))
            await session.commit()
        return _changed(result)


def _changed(result: Any) -> int:
    return int(result.rowcount)


class Directory:
    """What must be found before a workspace is known, and the start of a fresh store."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def workspaces(self) -> Sequence[Workspace]:
        """All workspaces by name."""
        async with self._sessions() as session:
            return (await session.scalars(select(Workspace).order_by(Workspace.name))).all()

    async def key(self, digest: str) -> tuple[ApiKey, User] | None:
        """The key with this digest and its owner."""
        statement = (
            select(ApiKey, User)
            .join(User, User.id == ApiKey.user_id)
            .where(ApiKey.digest == digest)
        )
        async with self._sessions() as session:
            row = (await session.execute(statement)).first()
        return None if row is None else (row[0], row[1])

    async def has_users(self) -> bool:
        """Whether anybody exists yet."""
        async with self._sessions() as session:
            return await session.scalar(select(User.id).limit(1)) is not None

    async def begin(self, workspace: Workspace, user: User, key: ApiKey) -> bool:
        """Store the first workspace, user and key at once; False if another start was first."""
        async with self._sessions() as session:
            try:
                for row in (workspace, user, key):
                    session.add(row)
                    await session.flush()
                await session.commit()
            except IntegrityError:
                return False
        return True

    async def ping(self) -> bool:
        """Whether the database answers."""
        try:
            async with self._sessions() as session:
                await session.execute(select(1))
        except (OSError, SQLAlchemyError):
            return False
        return True

    def users(self, workspace_id: str) -> Repository[User]:
        """Users of one workspace."""
        return Repository(self._sessions, User, workspace_id)

    def keys(self, workspace_id: str) -> Repository[ApiKey]:
        """API keys of one workspace."""
        return Repository(self._sessions, ApiKey, workspace_id)

    def sources(self, workspace_id: str) -> Repository[Source]:
        """Sources of one workspace."""
        return Repository(self._sessions, Source, workspace_id)
