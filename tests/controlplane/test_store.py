"""The metadata store: migrations on both databases, workspaces kept apart, first admin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import controlplane.db.session as session_module
from controlplane.auth import Authenticator, AuthLimits, digest_of
from controlplane.db.repository import Conflict, Directory
from controlplane.db.session import HEAD, Store, StoreError, open_store, store_url
from controlplane.db.tables import Base, Membership, User, Workspace
from controlplane.passwords import Passwords
from controlplane.services.access import AccessService
from engine.clock import SystemClock
from tests.controlplane.conftest import KEY, settings_for
from tests.services.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind."""
    if request.param == "sqlite":
        return store_url("", tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return store_url(await server.new_database(), tmp_path)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store."""
    opened = await open_store(url)
    yield opened
    await opened.close()


def access(store: Store) -> AccessService:
    """The service that makes the first admin."""
    clock, directory, passwords = SystemClock(), Directory(store.sessions), Passwords()
    limits = AuthLimits(entries_max=10, cache_seconds=0.0)
    return AccessService(
        directory, Authenticator(directory, passwords, clock, limits), passwords, clock
    )


def test_head_is_the_newest_migration() -> None:
    config = Config()
    folder = Path(session_module.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_migrations_make_the_tables(store: Store) -> None:
    async with store.sessions() as session:
        connection = await session.connection()
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), Base.metadata)
        )
    assert differences == []


async def test_a_second_start_finds_everything(url: str) -> None:
    store = await open_store(url)
    assert await access(store).bootstrap(settings_for()) == ""
    await store.close()
    again = await open_store(url)
    assert await Directory(again.sessions).key(digest_of(KEY.encode())) is not None
    await again.close()


async def test_a_newer_store_is_refused(url: str) -> None:
    store = await open_store(url)
    async with store.sessions() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await session.commit()
    await store.close()
    with pytest.raises(StoreError, match="newer version"):
        await open_store(url)


@pytest.mark.parametrize(
    "address",
    ["postgresql://u:secret@127.0.0.1:1/x", "sqlite:////nowhere/at/all.db", "postgresql://["],
)
async def test_unusable_addresses_are_one_sentence_without_password(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError) as caught:
        await open_store(store_url(address, tmp_path))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_the_first_admin_is_made_once(store: Store) -> None:
    services = [access(store) for _ in range(2)]
    settings = settings_for(bootstrap_api_key="")
    keys = await asyncio.gather(*(service.bootstrap(settings) for service in services))
    made = [key for key in keys if key]
    assert len(made) == 1
    assert len(made[0]) == 60
    assert await services[0].bootstrap(settings) == ""


async def test_another_bootstrap_value_is_ignored_with_a_warning(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    service = access(store)
    await service.bootstrap(settings_for(bootstrap_password="longenough"))
    with caplog.at_level(logging.WARNING):
        await service.bootstrap(settings_for(bootstrap_password="longenough"))
        assert caplog.messages == []
        other = settings_for(bootstrap_api_key="x" * 60, bootstrap_password="different1")
        await service.bootstrap(other)
    assert len(caplog.messages) == 2
    assert all("ignored" in message for message in caplog.messages)
    assert "xxx" not in caplog.text


async def test_workspaces_do_not_see_each_other(store: Store) -> None:
    directory = Directory(store.sessions)
    async with store.sessions() as session:
        for name in ("one", "two"):
            session.add(Workspace(id=name, name=name, settings={}, created_at_ms=1))
        await session.commit()
    user = User(id="u1", created_at_ms=1, username="eve", password_hash="")
    assert await directory.begin(user, membership("m1", "one", "admin"))
    assert await directory.begin(membership("m2", "two", "writer"))
    assert not await directory.begin(membership("m3", "two", "admin"))
    one, two = directory.memberships("one"), directory.memberships("two")
    with pytest.raises(Conflict):
        await one.add(membership("m4", "two", "admin"))
    assert await two.get(id="m1") is None
    assert await two.update("m1", role="writer") is False
    assert await two.delete(id="m1") == 0
    assert [row.id for row in await one.list("created_at_ms")] == ["m1"]
    assert await one.count(role="admin") == 1
    await directory.leave("one", "u1")
    assert await directory.roles_of("u1") == {"two": "writer"}
    await directory.leave("two", "u1")
    assert await directory.user("u1") is None


def membership(identity: str, workspace_id: str, role: str) -> Membership:
    """A role of user u1."""
    return Membership(
        id=identity, workspace_id=workspace_id, created_at_ms=1, user_id="u1", role=role
    )
