"""Counters of sources and bytes of their minutes: written together, read one source at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Insert, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.tables import Source, SourceCount, SourceMinute

# Ids in one statement; SQLite takes 32,766 values.
IDS_MAX: Final = 1_000

Minutes = Sequence[tuple[int, int]]


class SourceHistory:
    """What is kept of sources. Rows of a source go with it."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def save(self, samples: Mapping[str, tuple[dict[str, Any], Minutes]]) -> None:
        """Put counters and minutes by source id in the place of those there; a source that is gone
        is left out."""
        async with self._sessions() as session:
            there = await self._there(session, list(samples))
            counters = [{"source_id": id_, "counters": samples[id_][0]} for id_ in there]
            minutes = [
                {"source_id": id_, "minute": minute, "bytes": size}
                for id_ in there
                for minute, size in samples[id_][1]
            ]
            try:
                if counters:
                    await session.execute(_upsert(session, SourceCount, "counters"), counters)
                if minutes:
                    await session.execute(_upsert(session, SourceMinute, "bytes"), minutes)
                await session.commit()
            except IntegrityError:
                return  # one was deleted meanwhile: the next samples come soon

    async def _there(self, session: AsyncSession, ids: list[str]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(ids), IDS_MAX):
            part = ids[start : start + IDS_MAX]
            found += await session.scalars(select(Source.id).where(Source.id.in_(part)))
        return found

    async def counters(self, source_id: str) -> dict[str, Any] | None:
        """The counters of a source, or None."""
        statement = select(SourceCount.counters).where(SourceCount.source_id == source_id)
        async with self._sessions() as session:
            return await session.scalar(statement)

    async def minutes(self, source_id: str, since: int) -> dict[int, int]:
        """Bytes by minute, from the minute `since` on."""
        statement = select(SourceMinute.minute, SourceMinute.bytes).where(
            SourceMinute.source_id == source_id, SourceMinute.minute >= since
        )
        async with self._sessions() as session:
            rows = (await session.execute(statement)).all()
        return {row[0]: row[1] for row in rows}

    async def prune(self, before: int) -> None:
        """Forget the minutes before that one."""
        async with self._sessions() as session:
            await session.execute(delete(SourceMinute).where(SourceMinute.minute < before))
            await session.commit()


def _upsert(session: AsyncSession, table: type[SourceCount | SourceMinute], value: str) -> Insert:
    keys = [column.name for column in table.__table__.primary_key]
    if session.get_bind().dialect.name == "postgresql":
        made = postgresql.insert(table)
        return made.on_conflict_do_update(
            index_elements=keys, set_={value: getattr(made.excluded, value)}
        )
    lite = sqlite.insert(table)
    return lite.on_conflict_do_update(
        index_elements=keys, set_={value: getattr(lite.excluded, value)}
    )
