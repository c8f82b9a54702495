"""The starters of MariaDB and PostgreSQL: databases for tests, passwords, TLS, kill -9."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import asyncpg
import pytest

from tests.services.mariadb import MariaDb, mariadb
from tests.services.postgres import Postgres, postgres, start_postgres
from tests.services.process import ServiceError

__all__ = ["mariadb", "postgres"]  # the fixtures, for the tests here


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """One that may be killed while other tests' connections are open, and that takes TLS."""
    server = start_postgres(tls=True, durable=True)
    yield server
    server.close()


async def test_rows_of_mariadb_survive_kill_9(mariadb: MariaDb) -> None:
    database = await mariadb.new_database()
    mariadb.query("create table t (i int primary key, s text); insert into t values (1, 'ä')",
                  database)  # fmt: skip
    address = mariadb.address(database)
    mariadb.kill()
    await asyncio.to_thread(mariadb.start)
    assert mariadb.address(database) == address
    assert mariadb.query("select * from t", database) == [["1", "ä"]]


async def test_each_test_has_a_database_of_its_own(mariadb: MariaDb, postgres: Postgres) -> None:
    assert await mariadb.new_database() != await mariadb.new_database()
    assert await postgres.new_database() != await postgres.new_database()


async def test_mariadb_asks_for_the_password_and_for_tls(
    mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = "show session status like 'Ssl_version'"
    assert mariadb.query(used) == [["Ssl_version", ""]]
    assert mariadb.query(used, user=mariadb.TLS_USER)[0][1].startswith("TLS")
    monkeypatch.setattr("tests.services.mariadb.PASSWORD", "wrong")
    with pytest.raises(ServiceError, match="Access denied"):
        mariadb.query(used)


async def test_a_paused_server_answers_nothing_until_it_is_resumed(mariadb: MariaDb) -> None:
    mariadb.pause()
    try:
        asked = asyncio.create_task(asyncio.to_thread(mariadb.query, "select 2"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), 0.3)
    finally:
        mariadb.resume()
    assert await asked == [["2"]]


async def test_rows_of_postgres_survive_kill_9(own_postgres: Postgres) -> None:
    address = await own_postgres.new_database()
    connection = await asyncpg.connect(address)
    await connection.execute("create table t as select 1 as i")
    own_postgres.kill()
    connection.terminate()
    await asyncio.to_thread(own_postgres.start)
    connection = await asyncpg.connect(address)
    assert await connection.fetchval("select i from t") == 1
    await connection.close()


async def test_postgres_asks_for_a_password_and_takes_tls(own_postgres: Postgres) -> None:
    guarded = own_postgres.address("postgres", own_postgres.PASSWORD_USER)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(guarded, password="wrong", ssl=False)
    known = ssl.create_default_context(cafile=str(own_postgres.certificates.authority))
    connection = await asyncpg.connect(guarded, ssl=known)
    version = await connection.fetchval(
        "select version from pg_stat_ssl where pid = pg_backend_pid()"
    )
    await connection.close()
    assert version.startswith("TLS")
