"""The audit table: append, list from the newest on, drop what is too old or too much."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.tables import Audit

log = logging.getLogger("tailrace.audit")


class AuditTable:
    """Records of all workspaces. They are never changed."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def add(self, record: Audit) -> bool:
        """Store one record, durable on return; False, and a line in the log, when the store does
        not take it."""
        try:
            async with self._sessions() as session:
                session.add(record)
                await session.commit()
        except (OSError, SQLAlchemyError):
            log.exception("the store did not take an audit record")
            return False
        return True

    async def list(self, workspace_id: str, limit: int, before: int) -> Sequence[Audit]:
        """Up to `limit` records, newest first; those older than number `before` unless 0."""
        statement = select(Audit).where(Audit.workspace_id == workspace_id)
        if before:
            statement = statement.where(Audit.number < before)
        async with self._sessions() as session:
            return (
                await session.scalars(statement.order_by(Audit.number.desc()).limit(limit))
            ).all()

    async def trim(self, workspace_id: str, records_max: int, oldest_ms: int) -> None:
        """Drop records from before `oldest_ms`, and all but the newest `records_max`."""
        mine = Audit.workspace_id == workspace_id
        newest_surplus = (
            select(Audit.number)
            .where(mine)
            .order_by(Audit.number.desc())
            .offset(records_max)
            .limit(1)
        )
        try:
            async with self._sessions() as session:
                await session.execute(delete(Audit).where(mine, Audit.created_at_ms < oldest_ms))
                surplus = await session.scalar(newest_surplus)
                if surplus is not None:
                    await session.execute(delete(Audit).where(mine, Audit.number <= surplus))
                await session.commit()
        except (OSError, SQLAlchemyError):
            log.exception("old audit records stay until the next try")
