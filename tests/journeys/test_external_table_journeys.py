"""External tables on a real server and a real PostgreSQL: read, joined, written, over kills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import wait_until
from tests.services.postgres import Postgres, postgres

__all__ = ["postgres"]

OWN_SERVER = "its connector process and its engine are killed"
SECONDS_MAX = 30
SECRET = Postgres.PASSWORD
SETUP = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, city text, spent numeric(10, 2));
INSERT INTO users SELECT g, 'user ' || g, CASE WHEN g % 2 = 0 THEN 'Rome' ELSE 'Oslo' END, g * 1.5
    FROM generate_series(1, 1000) g;
CREATE TABLE seen (id int PRIMARY KEY, page varchar(9), at timestamptz);
CREATE TABLE visits (id int PRIMARY KEY, name text, at timestamptz DEFAULT now());
"""


class Shop:
    """A database of the session's PostgreSQL."""

    def __init__(self, server: Postgres) -> None:
        self._address = asyncio.run(server.new_database())
        self.database = self._address.rpartition("/")[2]
        self.address = f"127.0.0.1:{server.port('sql')}"
        self.run(SETUP)

    def run(self, sql: str) -> list[Any]:
        """Run statements there; the rows of one."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self._address)
            try:
                if sql.lower().startswith("select"):
                    return [tuple(row) for row in await connection.fetch(sql)]
                await connection.execute(sql)
                return []
            finally:
                await connection.close()

        return asyncio.run(run())

    def settings(self, **more: str) -> dict[str, str]:
        """Of an external table in it."""
        return {
            "type": "postgresql",
            "address": self.address,
            "user": Postgres.PASSWORD_USER,
            "password": SECRET,
            "database": self.database,
            **more,
        }

    def create(self, name: str, **more: str) -> str:
        """The statement that makes an external table."""
        given = ", ".join(f"{k} = '{v}'" for k, v in self.settings(**more).items())
        return f"create external table {name} settings {given}"


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Shop:
    return Shop(postgres)


@pytest.fixture(scope="module")
def place(server: Server, shop: Shop) -> Iterator[Server]:
    run(server, shop.create("users"))
    server.create("clicks", user="int32", page="string")
    yield server


def run(server: Server, sql: str) -> None:
    answer = server.call("POST", "/exec", {"sql": sql, "type": "historical"})
    assert answer.status_code == 200, answer.text


def refused(server: Server, sql: str) -> str:
    answer = server.call("POST", "/exec", {"sql": sql, "type": "historical"})
    assert answer.status_code >= 400, answer.text
    return answer.json()["message"]


def test_it_is_read_as_a_table(place: Server) -> None:
    described = place.select("describe users")
    assert [row[:2] for row in described] == [
        ["id", "int32"],
        ["name", "string"],
        ["city", "nullable(string)"],
        ["spent", "nullable(decimal(10, 2))"],
    ]
    assert place.select("select count() from users") == [[1000]]
    found = place.select("select name, spent from users where id in (3, 4) order by id")
    assert found == [["user 3", 4.5], ["user 4", 6]]
    sums = "select city, count() as n, max(id) as last from table(users) group by city order by 1"
    assert place.select(sums) == [["Oslo", 500, 999], ["Rome", 500, 1000]]
    assert len(place.select("select * from users limit 7")) == 7


def test_rest_makes_the_same_and_nobody_sees_the_password(place: Server, shop: Shop) -> None:
    settings = [{"key": k, "value": v} for k, v in shop.settings(table="users").items()]
    made = place.call("POST", "/external_tables", {"name": "people", "settings": settings})
    assert made.status_code == 201, made.text
    assert place.select("select name from people where id = 5") == [["user 5"]]
    seen = [made.text, str(place.select("show create external table people"))]
    seen += [place.call("GET", path).text for path in ("/external_tables/people", "/queries")]
    wrong = [{**s, "value": "wrong-one"} if s["key"] == "password" else s for s in settings]
    place.call("POST", "/external_tables", {"name": "locked", "settings": wrong})
    seen.append(refused(place, "select * from locked"))
    assert "PostgreSQL says" in seen[-1] or "columns" in seen[-1]
    seen.append(place.log_text())
    assert [text for text in seen if SECRET in text or "wrong-one" in text] == []
    assert place.call("DELETE", "/external_tables/locked").status_code == 204


def test_a_table_that_nobody_serves_is_created_and_learned_later(place: Server, shop: Shop) -> None:
    run(place, shop.create("later", table="made_later"))
    assert "no table" in refused(place, "select * from later")
    shop.run("CREATE TABLE made_later (a bigint); INSERT INTO made_later VALUES (42)")
    assert place.select("select a from later") == [[42]]
    run(place, shop.create("away").replace(shop.address, "127.0.0.1:1"))
    message = refused(place, "select * from away")
    assert "External table away" in message and "cannot be reached" in message


def test_a_stream_is_enriched_as_its_rows_arrive(place: Server, shop: Shop) -> None:
    run(place, shop.create("fresh", table="users", cache_ttl_ms="0"))
    sql = "select user, page, name from clicks left join fresh on clicks.user = fresh.id"
    answer = Answer(place, sql)
    place.ingest("clicks", ["user", "page"], [[1, "/a"], [5000, "/b"], [1, "/c"]])
    assert answer.rows(3) == [[1, "/a", "user 1"], [5000, "/b", ""], [1, "/c", "user 1"]]
    shop.run("UPDATE users SET name = 'Ann' WHERE id = 1")
    place.ingest("clicks", ["user", "page"], [[1, "/d"]])
    assert answer.rows(1) == [[1, "/d", "Ann"]]
    shop.run("UPDATE users SET name = 'user 1' WHERE id = 1")
    answer.close()


def test_a_join_without_a_key_names_the_way_out(place: Server) -> None:
    for condition in ("clicks.user > users.id", "clicks.user = users.id + 1"):
        message = refused(place, f"create view v as select 1 from clicks join users on {condition}")
        assert "table(users)" in message
    once = Answer(place, "select name from clicks join table(users) as t on clicks.user = t.id")
    place.ingest("clicks", ["user", "page"], [[2, "/a"]])
    assert once.rows(1) == [["user 2"]]
    once.close()


def test_insert_is_answered_when_it_is_committed(place: Server, shop: Shop) -> None:
    run(place, shop.create("visits"))
    run(place, "insert into visits (id, name) values (1, 'a')(2, 'b')")
    run(
        place, "insert into visits (id, name) select id, name from users where id between 10 and 12"
    )
    stored = shop.run("SELECT id, name FROM visits ORDER BY id")
    assert stored == [(1, "a"), (2, "b"), (10, "user 10"), (11, "user 11"), (12, "user 12")]
    message = refused(place, "insert into visits (id, name) values (20, 'x')(1, 'twice')")
    assert "duplicate key" in message
    assert len(shop.run("SELECT id FROM visits")) == 5, "whole or not at all"


def test_nothing_is_lost_or_asked_twice_over_kills(place: Server, shop: Shop) -> None:
    view = (
        "create materialized view named as select user, page, name "
        "from clicks join fresh on clicks.user = fresh.id settings checkpoint_interval = 1"
    )
    run(place, view)
    stored = "select page, name from table(named) where page like '/k%' order by page"
    for at in range(4):
        place.ingest("clicks", ["user", "page"], [[7, f"/k{at}"]])
        wait_until(lambda at=at: len(place.select(stored)) == at + 1, SECONDS_MAX, "the row")
    before = place.select(stored)
    shop.run("UPDATE users SET name = 'other' WHERE id = 7")
    place.children("connectors.host")[0].kill()
    place.ingest("clicks", ["user", "page"], [[7, "/k4"]])  # waits for the new process
    wait_until(lambda: len(place.select(stored)) == 5, SECONDS_MAX, "the row after the kill")
    place.kill_engine()
    time.sleep(0.2)
    wait_until(
        lambda: place.call("POST", "/streams/clicks/ingest",
                           {"columns": ["user", "page"], "data": [[8, "/k5"]]}).status_code == 200,
        SECONDS_MAX, "the engine",
    )  # fmt: skip
    wait_until(lambda: len(place.select(stored)) == 6, SECONDS_MAX, "the row after both")
    after = place.select(stored)
    assert after[:4] == before and [name for _, name in before] == ["user 7"] * 4
    assert after[4:] == [["/k4", "other"], ["/k5", "user 8"]]


def test_a_view_writes_its_rows_into_a_table_once(place: Server, shop: Shop) -> None:
    run(place, shop.create("seen"))
    view = "select user as id, page, _tp_time as at from clicks where user >= 90000"
    run(place, f"create materialized view writes into seen as {view}")
    stored = "SELECT id, page FROM seen ORDER BY id"
    for at in range(3):
        rows = [[90_000 + 100 * at + each, f"/{at}"] for each in range(100)]
        place.ingest("clicks", ["user", "page"], rows)
        if at == 1:
            place.children("connectors.host")[0].kill()
    wait_until(lambda: len(shop.run(stored)) == 300, SECONDS_MAX, "all rows")
    assert [row[0] for row in shop.run(stored)] == list(range(90_000, 90_300))
    place.ingest("clicks", ["user", "page"], [[95_000, "/much-too-long"], [95_001, "/ok"]])
    wait_until(lambda: len(shop.run(stored)) == 301, SECONDS_MAX, "the row after the bad one")
    assert shop.run(stored)[-1] == (95_001, "/ok")
    assert shop.run("SELECT count(*) FROM seen WHERE at > now() - interval '1 hour'") == [(301,)]


def test_both_hours_of_an_autumn_night_reach_the_table(place: Server, shop: Shop) -> None:
    shop.run("CREATE TABLE nights (id int PRIMARY KEY, at timestamptz, plain timestamp)")
    run(place, shop.create("nights"))
    run(place, "create stream hours (id int32, at datetime64(3, 'Europe/Rome'))")
    view = "select id, at, at as plain from hours"
    run(place, f"create materialized view nightly into nights as {view}")
    # Summer time ends at 1:00 UTC: both are 2:30 in Rome.
    first, second = "2024-10-27T00:30:00.250Z", "2024-10-27T01:30:00.250Z"
    place.ingest("hours", ["id", "at"], [[1, first], [2, second]])
    utc = "to_char(at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS')"
    stored = f"SELECT id, {utc}, plain::time::text FROM nights ORDER BY id"
    wait_until(lambda: len(shop.run(stored)) == 2, SECONDS_MAX, "the rows")
    assert shop.run(stored) == [
        (1, "00:30:00.250", "00:30:00.25"),
        (2, "01:30:00.250", "01:30:00.25"),
    ]
