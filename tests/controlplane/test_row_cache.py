"""Rows that were read lately: no statement for a second read, no old row after a write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from controlplane.db.repository import Directory, Repository
from controlplane.db.row_cache import RowCache
from controlplane.db.session import Store, open_store, store_url
from controlplane.db.tables import SavedQuery, Workspace

SHELF = ("SavedQuery", "w")


def query(number: int, sql: str = "select 1") -> SavedQuery:
    """A saved query."""
    return SavedQuery(
        id=f"id-{number}",
        workspace_id="w",
        name=f"q{number}",
        sql=sql,
        description="",
        tags=[],
        created_at_ms=0,
        updated_at_ms=0,
        created_by_id="",
        created_by_name="",
        updated_by_id="",
        updated_by_name="",
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open store with one workspace."""
    opened = await open_store(store_url("", tmp_path))
    async with opened.sessions() as session:
        session.add(Workspace(id="w", name="work", created_at_ms=0))
        await session.commit()
    yield opened
    await opened.close()


async def rows_of(store: Store) -> tuple[Repository[SavedQuery], list[str]]:
    """The saved queries of the workspace, one stored, and the statements from now on."""
    rows = Directory(store.sessions).saved_queries("w")
    await rows.add(query(1))
    sent: list[str] = []
    async with store.sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    return rows, sent


async def test_a_second_read_asks_nobody(store: Store) -> None:
    rows, sent = await rows_of(store)
    first = await rows.get(id="id-1")
    assert first is not None and first.sql == "select 1"
    assert len(sent) == 1
    assert await rows.get(id="id-1") is first
    assert len(sent) == 1


async def test_what_is_missing_is_asked_for_each_time(store: Store) -> None:
    rows, _ = await rows_of(store)
    assert await rows.get(id="id-2") is None
    await rows.add(query(2))
    assert await rows.get(id="id-2") is not None


async def test_a_write_is_seen_by_the_next_read(store: Store) -> None:
    rows, _ = await rows_of(store)
    await rows.get(id="id-1")
    assert await rows.update("id-1", sql="select 2")
    found = await rows.get(id="id-1")
    assert found is not None and found.sql == "select 2"
    assert await rows.delete(id="id-1") == 1
    assert await rows.get(id="id-1") is None


async def test_another_workspace_does_not_see_it(store: Store) -> None:
    rows, _ = await rows_of(store)
    await rows.get(id="id-1")
    assert await Directory(store.sessions).saved_queries("v").get(id="id-1") is None


def test_a_row_that_was_read_before_a_write_is_not_kept() -> None:
    cache = RowCache()
    writes = cache.writes
    cache.written(SHELF)
    cache.keep((SHELF, "id-1"), query(1), writes)
    assert cache.find((SHELF, "id-1")) is None


def test_the_bytes_are_bounded_and_the_oldest_go() -> None:
    cache = RowCache(bytes_max=10_000)
    for number in range(10):
        cache.keep((SHELF, f"id-{number}"), query(number, "x" * 1_000), cache.writes)
        cache.find((SHELF, "id-0"))
    kept = [n for n in range(10) if cache.find((SHELF, f"id-{n}")) is not None]
    assert kept[0] == 0 and kept[-1] == 9
    assert 3 <= len(kept) <= 6
    cache.keep((SHELF, "large"), query(11, "x" * 3_000), cache.writes)
    assert cache.find((SHELF, "large")) is None
