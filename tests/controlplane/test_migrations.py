"""Stores written by earlier versions: nobody is lost, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

import controlplane.db.session as session_module
from controlplane.auth import digest_of
from controlplane.db.connector_history import ConnectorHistory
from controlplane.db.repository import Directory
from controlplane.db.session import HEAD, StoreError, open_store, store_url
from controlplane.permissions import ROLES
from tests.services.postgres import Postgres

KEYS = {
    "kd": ("d", "eve", ["read:stream", "write:user", "write:event", "read:query"]),
    "kt": ("t", "eve2", ["read:query", "write:event"]),
    "kr": ("t", "bob", ["read:query", "own:key"]),
}


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store as version 0001 left it: eve is in two workspaces, as two people."""
    if request.param == "sqlite":
        made = store_url("", tmp_path)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = store_url(await server.new_database(), tmp_path)
    engine = create_async_engine(made)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: upgrade(sync, "0001"))
        for statement, values in rows():
            await connection.execute(text(statement), values)
    await engine.dispose()
    return made


def upgrade(connection: Connection, revision: str) -> None:
    """Alembic up to a revision."""
    config = Config()
    folder = Path(session_module.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def rows() -> list[tuple[str, dict[str, Any]]]:
    """What the old store holds."""
    found: list[tuple[str, dict[str, Any]]] = []
    for identity, name in (("t", "team"), ("d", "default")):
        found.append((
            "INSERT INTO workspaces (id, name, settings, created_at_ms) VALUES (:i, :n, '{}', 1)",
            {"i": identity, "n": name},
        ))  # fmt: skip
    for identity, place, name, role in (
        ("eve2", "t", "eve", "writer"),
        ("eve", "d", "eve", "admin"),
        ("bob", "t", "bob", "read_only"),
    ):
        found.append((
            "INSERT INTO users (id, workspace_id, created_at_ms, username, role, password_hash) "
            "VALUES (:i, :w, 1, :n, :r, :h)",
            {"i": identity, "w": place, "n": name, "r": role, "h": "hash of " + identity},
        ))  # fmt: skip
    for key, (place, user, permissions) in KEYS.items():
        listed = "[" + ", ".join(f'"{one}"' for one in permissions) + "]"
        found.append((
            "INSERT INTO api_keys (id, workspace_id, created_at_ms, user_id, name, digest, first, "
            "last, permissions, expire_at_ms) VALUES (:i, :w, 1, :u, 'n', :d, 'abcd', 'wxyz', :p, "
            "7)",
            {"i": key, "w": place, "u": user, "d": digest_of(key.encode()), "p": listed},
        ))  # fmt: skip
    return found


async def test_users_of_workspaces_become_users_of_the_installation(url: str) -> None:
    store = await open_store(url)
    directory = Directory(store.sessions)
    assert [(u.id, u.username, role) for u, role in await directory.members("d")] == [
        ("eve", "eve", "admin")
    ]
    assert [(u.id, u.username, role) for u, role in await directory.members("t")] == [
        ("bob", "bob", "read_only"),
        ("eve2", "eve@team", "writer"),
    ]
    for name in ("eve", "eve2", "bob"):
        user = await directory.user(name)
        assert user is not None
        assert user.password_hash == f"hash of {name}"
    for key, role in (("kd", "admin"), ("kt", "writer"), ("kr", "read_only")):
        found = await directory.key(digest_of(key.encode()))
        assert found is not None
        assert (found.key.id, found.user.id, found.role) == (key, KEYS[key][1], role)
        assert found.key.permissions == list(ROLES[role])
        assert (found.key.first, found.key.last, found.key.expire_at_ms) == ("abcd", "wxyz", 7)
    await store.close()


async def test_a_migration_that_is_cut_short_changed_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise SQLAlchemyError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.drop_table", full)
        with pytest.raises(StoreError):
            await open_store(url)
    store = await open_store(url)
    directory = Directory(store.sessions)
    assert len(await directory.members("t")) == 2
    assert await directory.key(digest_of(b"kt")) is not None
    await store.close()


async def test_counters_of_sources_move_with_them(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: upgrade(sync, "0004"))
        for statement in (
            "INSERT INTO sources (id, workspace_id, created_at_ms, name, description, type, stream,"
            " properties, wanted, start_time_ms, created_by_id, created_by_name, updated_at_ms,"
            " updated_by_id, updated_by_name) VALUES ('s', 'd', 1, 'gen', '', 'nats', 'iot', '{}',"
            " 'running', 1, '', '', 1, '', '')",
            "INSERT INTO source_counters (source_id, counters) VALUES ('s', '{\"sent\": 7}')",
            "INSERT INTO source_minutes (source_id, minute, bytes) VALUES ('s', 5, 60)",
        ):
            await connection.execute(text(statement))
    await engine.dispose()
    store = await open_store(url)
    history = ConnectorHistory(store.sessions)
    assert await history.counters("s") == {"sent": 7}
    assert await history.minutes("s", 0) == {5: 60}
    # What is gone is forgotten, by itself or with its workspace.
    await history.save({"s": ({"sent": 8}, [(6, 61)]), "nobody": ({"sent": 1}, [(6, 1)])})
    assert await history.counters("s") == {"sent": 8}
    assert await history.counters("nobody") is None
    await Directory(store.sessions).sources("d").delete(id="s")
    await history.prune(0)
    assert await history.counters("s") is None
    assert await history.minutes("s", 0) == {}
    await store.close()


def shape(connection: Connection) -> dict[tuple[str, str], list[str]]:
    """Tables with all that stands in them, but for the defaults that only old rows needed."""
    looked = inspect(connection)
    found: dict[tuple[str, str], list[str]] = {}
    for table in looked.get_table_names():
        columns = [{**column, "default": None} for column in looked.get_columns(table)]
        found[table, "columns"] = sorted(map(str, columns))
        found[table, "key"] = list(looked.get_pk_constraint(table)["constrained_columns"])
        found[table, "indexes"] = sorted(map(str, looked.get_indexes(table)))
        found[table, "unique"] = sorted(map(str, looked.get_unique_constraints(table)))
        found[table, "foreign"] = sorted(map(str, looked.get_foreign_keys(table)))
    return found


async def test_a_new_store_is_what_the_migrations_make(tmp_path: Path) -> None:
    made: list[tuple[dict[tuple[str, str], list[str]], str | None]] = []
    for name in ("new", "migrated"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "new":
            await (await open_store(store_url("", folder))).close()
        engine = create_async_engine(store_url("", folder))
        async with engine.begin() as connection:
            if name == "migrated":
                await connection.run_sync(lambda sync: upgrade(sync, "head"))
            version = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            made.append((await connection.run_sync(shape), version))
        await engine.dispose()
    assert made[0] == made[1]
    assert made[0][1] == HEAD
