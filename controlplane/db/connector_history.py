"""Counters of connectors and bytes of their minutes: written together, read one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Insert, Select, delete, select, union_all
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.tables import Alert, ConnectorCount, ConnectorMinute, Sink, Source

# Ids in one statement; SQLite takes 32,766 values.
IDS_MAX: Final = 1_000
KINDS: Final = (Source, Sink, Alert)

Minutes = Sequence[tuple[int, int]]


class ConnectorHistory:
    """What is kept of sources, sinks and alerts, by their id."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def save(self, samples: Mapping[str, tuple[dict[str, Any], Minutes]]) -> None:
        """Put counters and minutes by id in the place of those there; what is gone is left out."""
        async with self._sessions() as session:
            there = await self._there(session, list(samples))
            counters = [{"connector_id": id_, "counters": samples[id_][0]} for id_ in there]
            minutes = [
                {"connector_id": id_, "minute": minute, "bytes": size}
                for id_ in there
                for minute, size in samples[id_][1]
            ]
            if counters:
                await session.execute(_upsert(session, ConnectorCount, "counters"), counters)
            if minutes:
                await session.execute(_upsert(session, ConnectorMinute, "bytes"), minutes)
            await session.commit()

    async def _there(self, session: AsyncSession, ids: list[str]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(ids), IDS_MAX):
            part = ids[start : start + IDS_MAX]
            for kind in KINDS:
                found += await session.scalars(select(kind.id).where(kind.id.in_(part)))
        return found

    async def counters(self, id_: str) -> dict[str, Any] | None:
        """The counters of one, or None."""
        statement = select(ConnectorCount.counters).where(ConnectorCount.connector_id == id_)
        async with self._sessions() as session:
            return await session.scalar(statement)

    async def minutes(self, id_: str, since: int) -> dict[int, int]:
        """Bytes by minute, from the minute `since` on."""
        statement = select(ConnectorMinute.minute, ConnectorMinute.bytes).where(
            ConnectorMinute.connector_id == id_, ConnectorMinute.minute >= since
        )
        async with self._sessions() as session:
            rows = (await session.execute(statement)).all()
        return {row[0]: row[1] for row in rows}

    async def forget(self, id_: str) -> None:
        """Remove what is kept of one that was deleted."""
        async with self._sessions() as session:
            for table in (ConnectorCount, ConnectorMinute):
                await session.execute(delete(table).where(table.connector_id == id_))
            await session.commit()

    async def prune(self, before: int) -> None:
        """Forget the minutes before that one, and all of what is gone: with its workspace, or
        between a look and a `save`."""
        async with self._sessions() as session:
            await session.execute(delete(ConnectorMinute).where(ConnectorMinute.minute < before))
            for table in (ConnectorCount, ConnectorMinute):
                gone = table.connector_id.not_in(_all_ids())
                await session.execute(delete(table).where(gone))
            await session.commit()


def _all_ids() -> Select[tuple[str]]:
    every = union_all(*(select(kind.id) for kind in KINDS)).subquery()
    return select(every.c.id)


def _upsert(
    session: AsyncSession, table: type[ConnectorCount | ConnectorMinute], value: str
) -> Insert:
    keys = [column.name for column in table.__table__.primary_key]
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # a server over SQLite starts without it

        made = postgresql.insert(table)
        return made.on_conflict_do_update(
            index_elements=keys, set_={value: getattr(made.excluded, value)}
        )
    lite = sqlite.insert(table)
    return lite.on_conflict_do_update(
        index_elements=keys, set_={value: getattr(lite.excluded, value)}
    )
