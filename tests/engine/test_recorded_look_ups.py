"""Look-ups in external tables of kept queries: what was answered is not asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
import pytest_asyncio

from engine import table_calls as tc
from engine.calls import Answer, Request, refused
from engine.config import EngineSettings
from engine.external_objects import ExternalColumn
from tests.engine.place import Place
from tests.sql.virtual_engine import VirtualEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = (
    "create external table t settings type = 'postgresql', address = 'db', cache_ttl_ms = '5000'"
)
COLUMNS = (ExternalColumn("id", "int32"), ExternalColumn("n", "int64"))


class Database:
    """A table that has one row of each key, with the number of the time that it was looked up."""

    def __init__(self, place: Served) -> None:
        self._place = place
        self.asked: list[int] = []
        self.away = False

    def begin(self, number: int, request: Request) -> None:
        """See `engine.desk.Send`."""
        calls = self._place.engine.calls
        asyncio.get_running_loop().call_soon(calls.answered, number, self._answer(request))

    def _answer(self, request: Request) -> Answer:
        if request.method == tc.DESCRIBE:
            return Answer(msgspec.msgpack.encode(tc.TableColumns(COLUMNS)))
        if self.away:
            return refused(request, "no answer within 60 s")
        asked = msgspec.msgpack.decode(request.body, type=tc.TableLookUp)
        with pa.ipc.open_stream(asked.values) as reader:
            keys = reader.read_all().column("id").to_pylist()
        numbers = range(len(self.asked) + 1, len(self.asked) + 1 + len(keys))
        self.asked += keys
        schema = pa.ipc.read_schema(pa.py_buffer(asked.schema))
        values = {"id": keys, "n": list(numbers)}
        arrays = [pa.array(values[field.name], field.type) for field in schema]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        return Answer(sink.getvalue().to_pybytes())


class Served(Place):
    """An engine whose look-ups are answered from its start on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database = Database(self)

    async def start(self) -> None:
        found = await VirtualEngine.open(self.folder, EngineSettings(), self.clock)
        assert isinstance(found, VirtualEngine)
        self.engine = found
        self.engine.calls.attach(self.database.begin)
        await self.engine.settle()

    async def insert(self, *keys: int) -> None:
        """Rows of the stream."""
        await self.run(f"insert into s (i) values {''.join(f'({key})' for key in keys)}")
        await self.engine.settle()


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, shared_workers: None) -> AsyncIterator[Served]:
    made = Served(tmp_path / "life0")
    await made.start()
    await made.run("create stream s (i int32)")
    await made.run(TABLE)
    yield made
    await made.stop()


VIEW = (
    "create materialized view mv as select sum(n) as n from s join t on s.i = t.id emit on update"
)


@pytest.mark.parametrize("planned", [False, True])
async def test_a_view_goes_on_without_asking_again(place: Served, planned: bool) -> None:
    """After a kill from the steps, after a planned stop from a checkpoint."""
    await place.run(VIEW)
    await place.insert(1, 2)
    await place.insert(1)
    assert place.database.asked == [1, 2]
    await (place.restart() if planned else place.kill())
    await place.insert(2, 3)
    assert place.database.asked == [1, 2, 3], "the cache is as it was, too"
    assert await place.rows("select n from table(mv)") == [[3], [4], [9]]


async def test_what_is_cached_is_so_for_its_time_over_a_kill(place: Served) -> None:
    await place.run(VIEW)
    await place.insert(1)
    place.clock.advance(4_000)
    await place.insert(1)
    await place.kill()
    await place.insert(1)
    assert place.database.asked == [1]
    place.clock.advance(1_000)
    await place.insert(1)
    assert place.database.asked == [1, 1]
    assert await place.rows("select n from table(mv)") == [[1], [2], [3], [5]]


async def test_a_view_whose_database_stays_away_says_why_and_recovers(place: Served) -> None:
    await place.run(VIEW)
    place.database.away = True
    await place.insert(1)
    state = await place.engine.view_state("mv")
    assert (state.status, "External table t: no answer" in state.message) == ("Error", True)
    place.database.away = False
    await place.run("system recover materialized view mv")
    await place.insert(2)
    assert place.database.asked[-1] == 2
