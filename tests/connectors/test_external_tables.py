"""External tables over real databases: types, what is asked of them, look-ups, rows written."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pytest
import pytest_asyncio

from connectors.external import registry, tables_arrow
from connectors.external.tables import Tables
from connectors.key_ring import KeyRing
from connectors.sink_contract import NotDelivered, SinkContext, SinkRow, Unfit
from engine import table_calls as tc
from engine.calls import Request
from engine.clock import ManualClock, SystemClock
from engine.config import EngineSettings
from engine.local import LocalEngine
from engine.protocol import Position, ResultColumn
from tests.connectors.table_stand import Database, OnClickHouse, OnMariaDb, OnPostgres, Stand
from tests.services.clickhouse import clickhouse
from tests.services.mariadb import mariadb
from tests.services.postgres import postgres
from tests.shared_workers import module_workers, shared_workers

__all__ = ["clickhouse", "mariadb", "module_workers", "postgres", "shared_workers"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOMENT = "2024-01-02 03:04:05.123456"
UUID = "0b961b3f-e912-41a9-aaff-cbf41fe11703"
OTHER = UUID.replace("0b96", "1b96")


ITEMS = {
    "postgresql": "create table items (id int primary key, name text not null,"
    " price numeric(10, 2), at timestamptz, day date, code uuid, tags text[], doc jsonb,"
    " raw bytea, big numeric, mood char(4), spare interval)",
    "mysql": "create table items (id int unsigned primary key, name varchar(40) not null,"
    " price decimal(10, 2), at datetime(6), day date, code uuid, ratio float, flag boolean,"
    " raw varbinary(9), mood enum('ok', 'bad'), spare time)",
}
ROWS = {
    "postgresql": f"insert into items values (1, 'O''Neil \\ x', 12.34, '{MOMENT}+00',"
    f" '2024-01-02', '{UUID}', '{{a,null}}', '{{\"k\":1}}', '\\xdead', 1.5, 'ab', '2 hours'),"
    " (2, 'b', null, null, null, null, null, null, null, null, null, null)",
    "mysql": f"insert into items values (1, 'O''Neil \\\\ x', 12.34, '{MOMENT}', '2024-01-02',"
    f" '{UUID}', 1.1, true, x'dead', 'ok', '02:00:00'),"
    " (2, 'b', null, null, null, null, null, null, null, null, null)",
    "clickhouse": f"insert into items values (1, 'O''Neil \\ x', 12.34, '{MOMENT}', '2024-01-02',"
    f" '{UUID}', ['a'], 'ok'), (2, 'b', null, '1970-01-01 00:00:00', '1970-01-01',"
    " '00000000-0000-0000-0000-000000000000', [], 'bad')",
}
TYPES = {
    "postgresql": [
        "int32", "string", "nullable(decimal(10, 2))", "nullable(datetime64(6, 'UTC'))",
        "nullable(date)", "nullable(uuid)", "array(nullable(string))", "nullable(json)",
        "nullable(string)", "nullable(decimal(38, 18))", "nullable(string)", "nullable(string)",
    ],
    "mysql": [
        "uint32", "string", "nullable(decimal(10, 2))", "nullable(datetime64(6))",
        "nullable(date)", "nullable(uuid)", "nullable(float32)", "nullable(int8)",
        "nullable(string)", "nullable(string)", "nullable(string)",
    ],
    "clickhouse": [
        "uint32", "string", "nullable(decimal(10, 2))", "datetime64(6, 'UTC')", "date", "uuid",
        "array(string)", "string",
    ],
}  # fmt: skip
# After id to code, which all have.
REST = {
    "postgresql": [["a", None], '{"k": 1}', "3q0=", 1.5, "ab", "02:00:00"],
    "mysql": [1.1, 1, "3q0=", "ok", "02:00:00"],
    "clickhouse": [["a"], "ok"],
}
WIDE = {"postgresql": "text", "mysql": "mediumtext"}
TARGET = "create table target (id int primary key, name varchar(5) not null, at {time})"


async def made(request: pytest.FixtureRequest, kind: str) -> Database:
    """A new database of a kind, with its tables."""
    database: Database
    if kind == "clickhouse":
        server = request.getfixturevalue("clickhouse")
        database = OnClickHouse(server)
        server.create(
            "items", id="UInt32", name="LowCardinality(String)", price="Nullable(Decimal(10, 2))",
            at="DateTime64(6, 'UTC')", day="Date", code="UUID", tags="Array(String)",
            mood="Enum8('ok' = 1, 'bad' = 2)",
        )  # fmt: skip
        server.create("target", id="Int32", name="String", at="DateTime64(6, 'UTC')")
    else:
        if kind == "postgresql":
            server = request.getfixturevalue("postgres")
            database = OnPostgres(server, await server.new_database())
        else:
            server = request.getfixturevalue("mariadb")
            database = OnMariaDb(server, await server.new_database())
        await database.run(ITEMS[kind])
        time = "timestamptz" if kind == "postgresql" else "datetime(6)"
        await database.run(TARGET.format(time=time))
    await database.run(ROWS[kind])
    return database


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=["postgresql", "mysql", "clickhouse"]
)
async def stand(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    module_workers: None,
) -> AsyncIterator[Stand]:
    folder: Path = tmp_path_factory.mktemp(request.param) / "ws"
    engine = await LocalEngine.open(folder, EngineSettings(), SystemClock())
    stand = Stand(engine, await made(request, request.param), request.param)
    await stand.run(stand.create("items"))
    await stand.run("create stream s (id int, name string, code uuid)")
    yield stand
    await engine.close()
    await stand.tables.close()


async def test_types_and_values(stand: Stand) -> None:
    described = await stand.run("describe items")
    assert [row[1] for row in described] == TYPES[stand.kind]
    [row] = await stand.run("select * from items where id = 1")
    assert row[:6] == [1, "O'Neil \\ x", 12.34, MOMENT, "2024-01-02", UUID]
    assert row[6:] == REST[stand.kind]
    assert await stand.run("select price is null from table(items) where id = 2") == [[True]]


@pytest.mark.parametrize(
    ("where", "pushed", "ids"),
    [
        ("id = 1", 1, [1]),
        ("id in (2, 7) and name = 'b'", 2, [2]),
        ("id between 1 and 1", 2, [1]),
        ("1 >= id", 1, [1]),
        ("price >= 12", 1, [1]),
        ("name = 'O\\'Neil \\\\ x'", 1, [1]),
        ("name > 'a'", 0, [2]),
        ("name = 'B'", 1, []),
        ("id = 1 or name = 'b'", 0, [1, 2]),
        ("id + 0 = 2", 0, [2]),
        ("at >= '2024-01-02 03:04:05.123456' and day = '2024-01-02'", 2, [1]),
        ("at < '2024-01-02'", 1, None),
        (f"code = '{UUID}'", 1, [1]),
        ("not id = 1", 0, [2]),
    ],
)
async def test_what_is_left_to_the_database_changes_no_result(
    stand: Stand, where: str, pushed: int, ids: list[int] | None
) -> None:
    stand.asked.clear()
    found = await stand.run(f"select id from items where {where} order by id")
    assert ids is None or found == [[each] for each in ids]
    assert [len(read.where) for read in stand.reads] == [pushed]
    assert found == await stand.run(
        f"select id from (select * from items limit 100) where {where} order by id"
    )


async def test_only_columns_that_are_used_and_rows_that_are_enough_are_read(stand: Stand) -> None:
    stand.asked.clear()
    assert len(await stand.run("select name from items limit 1")) == 1
    assert await stand.run("select count() from items") == [[2]]
    assert await stand.run("select name from items order by id desc limit 1") == [["b"]]
    assert [(r.columns, r.limit) for r in stand.reads] == [
        (("name",), 1),
        (("id",), -1),
        (("id", "name"), -1),
    ]


async def test_explain_says_what_is_asked_of_the_database(stand: Stand) -> None:
    lines = await stand.run("explain select name from items where id = 1 and name > 'a'")
    assert lines == [["Bounded query"], ["  Fetch items where id = 1: id, name"]]
    lines = await stand.run("explain select s.id from s join items on s.id = items.id")
    assert ["  Look up items by id, inner: id"] in lines


async def test_a_right_side_that_may_be_missing_is_read_whole(stand: Stand) -> None:
    stand.asked.clear()
    sql = (
        "select a.id, b.id from items as a left join (select id from items where id = 1) as b "
        "on a.id = b.id where b.id = 0"
    )
    assert await stand.run(sql) == [[2, 0]]
    assert [len(r.where) for r in stand.reads] == [0, 1]


async def test_rows_of_a_stream_are_joined_by_key(stand: Stand) -> None:
    values = f"(1, 'x', '{UUID}')(2, 'b', '{UUID}')(3, 'c', '{OTHER}')"
    rows = f"insert into s (id, name, code) values {values}"
    by_id = "select s.id, items.name from s left join items on s.id = items.id"
    assert await stand.tail(by_id, rows, 3) == [[1, "O'Neil \\ x"], [2, "b"], [3, ""]]
    two = "select s.id from s join items using (id, name)"
    assert await stand.tail(two, rows, 1) == [[2]]
    by_code = "select s.id, items.id from s join items on s.code = items.code"
    assert await stand.tail(by_code, rows, 2) == [[1, 1], [2, 1]]
    filtered = "select s.id, n from s join (select id, upper(name) as n from items where id > 1) i"
    assert await stand.tail(f"{filtered} on s.id = i.id", rows, 1) == [[2, "B"]]


async def test_a_stream_waits_for_a_database_that_is_started_again(stand: Stand) -> None:
    if not isinstance(stand.database, OnPostgres | OnMariaDb):
        return  # it keeps no connection that could be lost
    server = stand.database.server
    assert await stand.run("select count() from items") == [[2]]
    await asyncio.to_thread(server.kill)
    message = await stand.error("select id from items")
    assert "cannot be reached" in message, "a query that ends does not wait"
    sql = "select s.id, items.name from s join items on s.id = items.id"
    stand.asked.clear()
    joining = asyncio.create_task(stand.tail(sql, "insert into s (id, name) values (2, 'x')", 1))
    while not [r for r in stand.asked if r.method == tc.LOOK_UP]:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    await asyncio.to_thread(server.start)
    assert await joining == [[2, "b"]]
    await stand.run(stand.create("target"))
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    # It is tried once, and not on a connection of before.
    await stand.run("insert into target (id, name, at) values (77, 'x', now())")
    assert await stand.run("select id from target where id = 77") == [[77]]


async def test_insert(stand: Stand) -> None:
    await stand.run(stand.create("target"))
    await stand.run(f"insert into target (id, name, at) values (1, 'ä\\'\\\\', '{MOMENT}')")
    await stand.run("insert into target (id, name, at) select id + 10, name, now() from items "
                    "where id = 2")  # fmt: skip
    assert await stand.run(
        f"select id, name, at <= '{MOMENT}' from target where id <> 77 order by id"
    ) == [
        [1, "ä'\\", True],
        [12, "b", False],
    ]
    message = await stand.error("insert into target (id, name, at) values (1.5, 'x', now())")
    assert "target" in message and "id" in message
    assert len(await stand.run("select id from target where id <> 77")) == 2
    if stand.kind != "clickhouse":
        message = await stand.error("insert into target (id, name, at) values (1, 'x', now())")
        assert "uplicate" in message
        message = await stand.error(
            "insert into target (id, name, at) values (7, 'too long', now())"
        )
        assert "too long" in message.lower()


class Rows(NamedTuple):
    """Rows of a view on their way to a sink."""

    first: int
    values: list[list[Any]]

    def sent(self) -> list[SinkRow]:
        """As the runner gives them."""
        return [
            SinkRow(
                f"view-{self.first + at}",
                Position(self.first + at, 0),
                [msgspec.Raw(msgspec.json.encode(v)) for v in row],
            )
            for at, row in enumerate(self.values)
        ]


async def test_rows_of_a_view_are_written_once_however_often_they_come(stand: Stand) -> None:
    external = stand.external("target")
    spec = registry.spec_of(external)
    columns = (
        ResultColumn("id", "int32"),
        ResultColumn("name", "string"),
        ResultColumn("at", "datetime64(3, 'Europe/Rome')"),
    )

    async def nobody() -> Any:
        raise AssertionError("asked of the engine")

    context = SinkContext("v", ManualClock(), asyncio.sleep, columns, nobody, private=True)
    writer = spec.writer(external, context)
    await writer.connect()
    batch = Rows(1, [[101, "a'\\", "2024-07-01 10:00:00.500"], [102, "b", "2023-12-31 23:00:00"]])
    for _ in range(2):
        assert list(await writer.deliver(batch.sent())) == []
    found = await stand.run("select id, name, at from target where id > 100 order by id")
    assert found == [
        [101, "a'\\", "2024-07-01 10:00:00.500000"],
        [102, "b", "2023-12-31 23:00:00.000000"],
    ]
    if stand.kind != "clickhouse":
        with pytest.raises(Unfit, match="too long"):
            await writer.deliver(Rows(9, [[103, "toooo long", "2024-07-01 12:00:00"]]).sent())
    await writer.close()
    other = spec.writer(stand.external("nowhere"), context)
    with pytest.raises(NotDelivered, match="nowhere"):
        await other.connect()
    await other.close()


async def test_what_cannot_be_reached_says_why_and_shows_no_secret(stand: Stand) -> None:
    wrong = stand.create("locked", password="not-the-one")
    await stand.run(wrong)
    message = await stand.error("select * from locked")
    assert "locked" in message and "not-the-one" not in message
    module = f"connectors.external.tables_{stand.kind}"
    driver = {"postgresql": "asyncpg", "mysql": "asyncmy", "clickhouse": "httpx"}[stand.kind]
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, module)
        patch.setitem(sys.modules, driver, None)
        await stand.run(stand.create("without"))
        assert driver in await stand.error("select * from without")
    closed = Tables(SystemClock(), asyncio.sleep, KeyRing(), private=False)
    asked = Request("table", "items", tc.DESCRIBE, b"", 2_000, external=stand.external("items"))
    answer = await closed.call(asked)
    await closed.close()
    assert "allow_private_networks" in answer.failure


async def _values_of_read(tables: Tables, stand: Stand, table: str, asked: tc.TableRead) -> Any:
    """Pages of a read; why there are none."""
    external = stand.external(table)
    body = msgspec.msgpack.encode(asked)
    pages: list[list[Any]] = []
    answer = await tables.call(Request("table", table, tc.READ, body, 60_000, external=external))
    while not answer.failure:
        page = msgspec.msgpack.decode(answer.body, type=tc.TablePage)
        assert len(answer.body) < 2 * tc.PAGE_BYTES
        with pa.ipc.open_stream(pa.py_buffer(page.rows)) as reader:
            pages.append(reader.read_all().column(0).to_pylist())
        if not page.cursor:
            return pages
        body = msgspec.msgpack.encode(tc.TableCursor(page.cursor))
        answer = await tables.call(
            Request("table", table, tc.NEXT, body, 60_000, external=external)
        )
    return answer.failure


async def _make_wide(stand: Stand) -> None:
    """99 small rows, then 61 of 500 kB."""
    await stand.database.run("drop table if exists wide")
    await stand.database.run(f"create table wide (id int, w {WIDE[stand.kind]})")
    await stand.database.run(
        {
            "postgresql": "insert into wide select i, repeat('x', case when i < 100 then 1 else"
            " 500000 end) from generate_series(1, 160) i",
            "mysql": "insert into wide select seq, repeat('x', if(seq < 100, 1, 500000)) from"
            " seq_1_to_160",
        }[stand.kind]
    )


async def test_pages_are_bounded_by_bytes_whatever_rows_are(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stand.kind == "clickhouse":
        return  # see test_external_tables_page
    await _make_wide(stand)
    schema = pa.schema([("id", pa.int32()), ("w", pa.string())]).serialize().to_pybytes()
    asked = tc.TableRead(("id", "w"), schema)
    pages = await _values_of_read(stand.tables, stand, "wide", asked)
    ids = sorted(each for page in pages for each in page)
    assert len(pages) > 3 and ids == list(range(1, 161))
    monkeypatch.setattr(tc, "ROW_BYTES_MAX", 400_000)
    assert "cannot be read" in await _values_of_read(stand.tables, stand, "wide", asked)


async def test_a_look_up_is_bounded_as_its_rows_come(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stand.kind == "clickhouse":
        return
    await _make_wide(stand)
    monkeypatch.setattr(tc, "LOOK_UP_BYTES_MAX", 2 << 20)
    fetched = 0
    batch_of = tables_arrow.batch_of

    def counted(rows: Any, *more: Any) -> Any:
        nonlocal fetched
        fetched += len(rows)
        return batch_of(rows, *more)

    monkeypatch.setattr(tables_arrow, "batch_of", counted)
    keys = pa.RecordBatch.from_pydict({"id": pa.array(range(1, 161), pa.int32())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, keys.schema) as writer:
        writer.write_batch(keys)
    schema = pa.schema([("id", pa.int32()), ("w", pa.string())]).serialize().to_pybytes()
    asked = tc.TableLookUp(("id", "w"), schema, ("id",), sink.getvalue().to_pybytes())
    request = Request("table", "wide", tc.LOOK_UP, msgspec.msgpack.encode(asked), 60_000,
                      external=stand.external("wide"))  # fmt: skip
    assert "over 2 MiB" in (await stand.tables.call(request)).failure
    assert 99 < fetched < 120


async def test_a_limit_is_not_pushed_where_a_row_makes_other_than_one(stand: Stand) -> None:
    if stand.kind != "postgresql":
        return
    await stand.database.run("create table lists (id int, tags text[])")
    await stand.database.run("insert into lists values (1, '{}'), (2, '{}'), (3, '{a,b}')")
    await stand.run(stand.create("lists"))
    assert await stand.run("select array_join(tags) from lists limit 2") == [["a"], ["b"]]
    assert await stand.run("select sum(id) over () as s from lists limit 1") == [[6]]


async def test_hostile_values_of_mysql(stand: Stand) -> None:
    if stand.kind != "mysql":
        return
    await stand.database.run("create table odd (`rate%` int primary key, y year, w varchar(9),"
                             " b boolean)")  # fmt: skip
    await stand.run(stand.create("odd"))
    await stand.run("insert into odd (`rate%`, y, w, b) values (5, 1999, 'x', 1)(6, 2024, 'y', 0)")
    assert await stand.run("select w from odd where `rate%` = 5") == [["x"]]
    assert len(await stand.run("select w from odd where y > 50")) == 2
    external = stand.external("odd")
    names = (("rate%", "int32"), ("w", "string"), ("b", "bool"))
    columns = tuple(ResultColumn(*each) for each in names)

    async def nobody() -> Any:
        raise AssertionError("asked of the engine")

    context = SinkContext("v", ManualClock(), asyncio.sleep, columns, nobody, private=True)
    writer = registry.spec_of(external).writer(external, context)
    await writer.connect()
    for _ in range(2):
        await writer.deliver(Rows(1, [[7, "true", True], [8, "false", False]]).sent())
    await writer.close()
    assert await stand.run("select w, b from odd where `rate%` > 6 order by w desc") == [
        ["true", 1],
        ["false", 0],
    ]


async def test_hostile_values_of_postgresql(stand: Stand) -> None:
    if stand.kind != "postgresql":
        return
    await stand.database.run("create table ends (id int, d date not null, t timestamp, w text)")
    await stand.database.run(
        "insert into ends values (1, 'infinity', '20000-01-01', 'a'),"
        " (2, '2024-01-01', '2024-01-01 00:00:00.123456', 'b')"
    )
    await stand.run(stand.create("ends"))
    assert await stand.run("select d, t from ends where id = 1") == [[None, None]]
    assert await stand.run("select id from ends where d = '2024-01-01'") == [[2]]
    await stand.run("create stream ticks (id int, at datetime64(9), w string)")
    by_time = "select ticks.id, ends.w from ticks left join ends on ticks.at = ends.t"
    insert = "insert into ticks (id, at, w) values (1, '2024-01-01 00:00:00.123456000', 'b')"
    assert await stand.tail(by_time, insert, 1) == [[1, "b"]]
    by_text = "select ticks.id, ends.id from ticks left join ends on ticks.w = ends.w"
    insert = (
        "insert into ticks (id, at, w) select 5, now(), concat('b', char(0)) union all"
        " select 6, now(), 'b'"
    )
    assert await stand.tail(by_text, insert, 2) == [[5, None], [6, 2]]
