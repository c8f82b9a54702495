"""Rows of external tables on their way into the engine: pages, bounds, lost processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
import pytest_asyncio

from engine import outside_tables
from engine import table_calls as tc
from engine.calls import Answer, Request, refused
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import Code, TailraceError
from engine.external_objects import ExternalColumn
from engine.local import LocalEngine
from engine.outside_tables import usable
from engine.protocol import Caller, Definition, QueryEnd, QueryRequest
from tests.engine.conftest import module_workers, shared_workers

__all__ = ["module_workers", "shared_workers"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Caller("u1", "alice")
TABLE = "create external table t settings type = 'postgresql', address = 'db'"
COLUMNS = (ExternalColumn("id", "int32"), ExternalColumn("name", "nullable(string)"))


class Connector:
    """What a connector process would answer: rows 0, 1, ... in pages of `per_page`."""

    def __init__(self) -> None:
        self.engine: LocalEngine
        self.rows, self.per_page = 5, 2
        self.asked: list[Request] = []
        self.silent = False
        self.closed: list[str] = []
        self.lose_page = -1
        self.methods: dict[str, Callable[[Request], Answer]] = {
            tc.DESCRIBE: lambda _: Answer(msgspec.msgpack.encode(tc.TableColumns(COLUMNS))),
            tc.READ: lambda _: self._page(0),
            tc.NEXT: self._next,
            tc.INSERT: lambda _: Answer(),
        }

    def attach(self) -> None:
        """A new process is there."""
        self.engine.calls.attach(self.send)

    def send(self, number: int, request: Request) -> None:
        """See `engine.desk.Send`."""
        self.asked.append(request)
        if not self.silent:
            self.engine.calls.answered(number, self.methods[request.method](request))

    def _next(self, request: Request) -> Answer:
        asked = msgspec.msgpack.decode(request.body, type=tc.TableCursor)
        if asked.close:
            self.closed.append(asked.cursor)
            return Answer()
        first = int(asked.cursor)
        if first == self.lose_page:
            self.lose_page = -1
            return Answer(failure="External table t: its reader is gone.", code=tc.CURSOR_LOST)
        return self._page(first)

    def _page(self, first: int) -> Answer:
        read = next(r for r in reversed(self.asked) if r.method == tc.READ)
        asked = msgspec.msgpack.decode(read.body, type=tc.TableRead)
        schema = pa.ipc.read_schema(pa.py_buffer(asked.schema))
        last = min(first + self.per_page, self.rows)
        values = {"id": list(range(first, last)), "name": ["x" * 40] * (last - first)}
        arrays = [pa.array(values[f.name], f.type) for f in schema]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        cursor = str(last) if last < self.rows else ""
        page = tc.TablePage(sink.getvalue().to_pybytes(), cursor)
        return Answer(msgspec.msgpack.encode(page))

    async def run(self, sql: str) -> QueryEnd:
        """Run a statement; its end."""
        query = await self.engine.run(QueryRequest(SystemClock().uuid4(), sql, ME))
        end = [item async for item in query.items() if isinstance(item, QueryEnd)]
        return end[0] if end else QueryEnd("finished")

    async def definition(self) -> Definition:
        """The table."""
        return (await self.engine.definitions()).definitions[0]


@pytest_asyncio.fixture(loop_scope="module")
async def connector(tmp_path: Path, shared_workers: None) -> AsyncIterator[Connector]:
    made = Connector()
    made.engine = await LocalEngine.open(tmp_path / "ws", EngineSettings(), SystemClock())
    yield made
    await made.engine.close()


async def test_columns_are_asked_for_when_it_is_made_or_first_wanted(connector: Connector) -> None:
    await connector.run(TABLE)
    assert (await connector.definition()).columns == ()
    connector.attach()
    assert (await connector.run("select count() from t")).counters.result_rows == 1
    assert [c.type for c in (await connector.definition()).columns] == ["int32", "nullable(string)"]
    assert [r.method for r in connector.asked[:2]] == [tc.DESCRIBE, tc.READ]
    await connector.run(TABLE.replace("create", "create or replace"))
    assert len((await connector.definition()).columns) == 2
    text = (await connector.definition()).create_query
    assert "int32" not in text, "it makes an equal table wherever it is run"


async def test_why_columns_cannot_be_had_is_said(connector: Connector) -> None:
    connector.attach()
    connector.methods[tc.DESCRIBE] = lambda request: refused(request, "PostgreSQL says: no")
    await connector.run(TABLE)
    for sql in (
        "describe t",
        "select 1 from t",
        "describe (select * from t)",
        "insert into t values (1, 'a')",
    ):
        with pytest.raises(TailraceError, match="External table t: PostgreSQL says: no"):
            await connector.run(sql)


async def test_all_pages_are_read(connector: Connector) -> None:
    connector.attach()
    await connector.run(TABLE)
    end = await connector.run("select id, name from t")
    assert (end.status, end.counters.result_rows) == ("finished", 5)
    assert [r.method for r in connector.asked] == [tc.DESCRIBE, tc.READ, tc.NEXT, tc.NEXT]


async def test_a_read_whose_process_was_replaced_begins_again(connector: Connector) -> None:
    connector.attach()
    await connector.run(TABLE)
    connector.lose_page = 2
    end = await connector.run("select id from t")
    assert (end.status, end.counters.result_rows) == ("finished", 5)
    assert [r.method for r in connector.asked].count(tc.READ) == 2


async def test_too_much_is_refused_with_the_way_out(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_tables, "QUERY_BYTES_MAX", 300)
    connector.attach()
    await connector.run(TABLE)
    connector.rows = 1_000
    end = await connector.run("select id, name from t")
    assert (end.status, end.code) == ("failed", Code.MEMORY_LIMIT)
    assert "WHERE" in end.message and "LIMIT" in end.message
    await asyncio.sleep(0)
    assert len(connector.closed) == 1, "its connection is given back"
    connector.rows = 2
    assert (await connector.run("select id from t")).status == "finished", "nothing is held"


async def test_a_read_that_takes_too_long_is_given_up(connector: Connector) -> None:
    connector.attach()
    await connector.run(TABLE)
    connector.silent = True
    request = QueryRequest(SystemClock().uuid4(), "select id from t", ME, timeout_ms=200)
    query = await connector.engine.run(request)
    end = [item async for item in query.items()][-1]
    assert isinstance(end, QueryEnd)
    assert (end.status, end.code) == ("failed", Code.TIMEOUT)


async def test_an_insert_under_way_is_not_sent_again(connector: Connector) -> None:
    connector.attach()
    await connector.run(TABLE)
    connector.silent = True
    inserting = asyncio.create_task(connector.run("insert into t values (1, 'a')"))
    while not [r for r in connector.asked if r.method == tc.INSERT]:
        await asyncio.sleep(0.01)
    connector.engine.calls.detach(connector.send)
    connector.silent = False
    connector.attach()
    with pytest.raises(TailraceError, match="may be there or not"):
        await inserting
    assert [r.method for r in connector.asked].count(tc.INSERT) == 1


async def test_numbers_that_are_no_values_of_a_column_are_refused(connector: Connector) -> None:
    connector.attach()
    await connector.run(TABLE)
    for value in ("1.5", "'abc'", "1e300"):
        with pytest.raises(TailraceError):
            await connector.run(f"insert into t (id) select {value}")
    await connector.run("insert into t (id) select 2.0")
    assert [r.method for r in connector.asked].count(tc.INSERT) == 1
    with pytest.raises(TailraceError, match="idempotent_id"):
        await connector.run("insert into t (id) settings idempotent_id = 'x' values (1)")


async def test_columns_that_no_query_could_name_are_left_out() -> None:
    names = ("id", "ID", "_tp_sn", "__x", "a b", "x{y}", "")
    found = usable([ExternalColumn(name, "int32") for name in names])
    assert [c.name for c in found] == ["id", "a b"]
