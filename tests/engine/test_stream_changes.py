"""Streams of all modes over log, history files and restarts; other columns; DELETE."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.clock import ManualClock
from engine.config import EngineSettings
from engine.errors import TailraceError
from engine.protocol import QueryEnd, QueryRequest
from tests.sql.virtual_engine import ME, Reader, VirtualEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")
_START_MS = 1_767_225_600_000


class Stand:
    """An engine in virtual time on one folder, which can be opened again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clock = ManualClock(_START_MS)
        self.engine: VirtualEngine

    async def open(self) -> None:
        """Open the folder."""
        made = await VirtualEngine.open(self._folder, EngineSettings(), self._clock)
        assert isinstance(made, VirtualEngine)
        self.engine = made

    async def again(self) -> None:
        """Close and open."""
        await self.engine.close()
        await self.open()

    def seal(self) -> None:
        """Everything that is in memory goes into history files."""
        self.engine.seal()

    async def run(self, *statements: str) -> list[list[Any]]:
        """Run statements to their end; the rows of the last."""
        rows: list[list[Any]] = []
        for sql in statements:
            request = QueryRequest(id=self._clock.uuid4(), sql=sql, caller=ME)
            rows = []
            async for item in (await self.engine.run(request)).items():
                if isinstance(item, QueryEnd):
                    assert item.code == 0, item
                else:
                    rows += json.loads(item.payload)
        return rows

    async def tail(self, sql: str) -> Reader:
        """Start a streaming query and let it run."""
        reader = await self.engine.statement(sql)
        await self.engine.settle()
        return reader

    async def rows(self, reader: Reader) -> list[list[Any]]:
        """What came since the last call."""
        await self.engine.settle()
        return reader.rows()


@pytest_asyncio.fixture(loop_scope="module")
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    made = Stand(tmp_path / "ws")
    await made.open()
    yield made
    await made.engine.close()


async def code_of(stand: Stand, sql: str) -> int:
    """The code that a statement is refused with."""
    with pytest.raises(TailraceError) as found:
        await stand.run(sql)
    return found.value.code


@pytest.mark.turns(2)
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    ("mode", "table", "live"),
    [
        ("versioned_kv", [[1, "c"], [2, "b"]], [[2, "b"], [1, "c"]]),
        ("changelog_kv", [[1, "c"]], [[1, "c"]]),
        ("changelog", [[1, "a"], [2, "b"], [1, "a"], [1, "c"], [2, "b"]], []),
    ],
)
async def test_modes_survive_sealing_and_restart(
    stand: Stand, mode: str, table: list[list[Any]], live: list[list[Any]], *, sealed: bool
) -> None:
    key = "" if mode == "changelog" else "primary key id"
    await stand.run(f"create stream s (id int32, v string) {key} settings mode = '{mode}'")
    if mode == "versioned_kv":
        await stand.run(
            "insert into s (id, v) values (1, 'a')(2, 'b')", "insert into s (id, v) values (1, 'c')"
        )
    else:
        await stand.run(
            "insert into s (id, v) values (1, 'a')(2, 'b')",
            "insert into s (id, v, _tp_delta) values (1, 'a', -1)(1, 'c', 1)",
            "insert into s (id, v, _tp_delta) values (2, 'b', -1)",
        )
    for _ in range(2):
        if sealed:
            stand.seal()
        order = "" if mode == "changelog" else "order by id"
        assert await stand.run(f"select id, v from table(s) {order}") == table
        columns = "id, v" if mode == "versioned_kv" else "id, v, _tp_delta"
        reader = await stand.tail(f"select {columns} from s")
        assert [row[:2] for row in await stand.rows(reader)] == live
        await reader.close()
        await stand.again()


async def test_snapshot_and_live_rows_meet_without_gap_or_double(stand: Stand) -> None:
    await stand.run(
        "create stream s (id int32, n int32) primary key id settings mode = 'versioned_kv'"
    )
    for n in range(6):
        await stand.run(f"insert into s (id, n) values (1, {n})(2, {n})")
        if n == 2:
            stand.seal()
        reader = await stand.tail("select id, n from s")
        await stand.run(f"insert into s (id, n) values (3, {n})")
        rows = await stand.rows(reader)
        before = [] if n == 0 else [[3, n - 1]]
        assert rows == [*before, [1, n], [2, n], [3, n]]
        await reader.close()


async def test_columns_of_later_over_files_and_memory(stand: Stand) -> None:
    await stand.run(
        "create stream s (a int32, b string)",
        "insert into s (a, b) values (1, 'x')",
    )
    stand.seal()
    await stand.run(
        "alter stream s add column c int32 default a + 10, rename column b to text",
        "insert into s (a, text) values (2, 'y')",
    )
    wanted = [[1, "x", 11], [2, "y", 12]]
    for _ in range(2):
        assert await stand.run("select a, text, c from table(s) order by a") == wanted
        reader = await stand.tail("select a, text, c from s settings seek_to = 'earliest'")
        assert await stand.rows(reader) == wanted
        await reader.close()
        stand.seal()
        await stand.again()
    await stand.run("alter stream s drop column text", "alter stream s add column text int32")
    assert await stand.run("select a, text from table(s) order by a") == [[1, 0], [2, 0]]
    await stand.run("insert into s (a, text) values (3, 7)")
    assert await stand.run("select text from table(s) where a = 3") == [[7]]


@pytest.mark.parametrize("sealed", [False, True])
async def test_delete_removes_what_is_stored_for_good(stand: Stand, *, sealed: bool) -> None:
    await stand.run(
        "create stream s (a int32, b string default 'x')",
        "insert into s (a) values (1)(2)(3)",
    )
    if sealed:
        stand.seal()
    await stand.run(
        "insert into s (a, b) values (2, 'later')(4, '')", "delete from s where a = 2 or b = ''"
    )
    assert await stand.run("select a from table(s) order by a") == [[1], [3]]
    await stand.run("insert into s (a) values (2)")
    await stand.again()
    reader = await stand.tail("select a from s settings seek_to = 'earliest'")
    assert await stand.rows(reader) == [[1], [3], [2]]
    await reader.close()


async def test_delete_of_a_keyed_stream_takes_whole_keys(stand: Stand) -> None:
    await stand.run(
        "create stream v (id int32, n string) primary key id settings mode = 'versioned_kv'",
        "insert into v (id, n) values (1, 'a')(2, 'b')",
        "insert into v (id, n) values (1, 'c')",
        "delete from v where id = 1",
    )
    assert await stand.run("select id, n from table(v)") == [[2, "b"]]
    assert await code_of(stand, "delete from v where n = 'b'") == 48


async def test_what_delete_refuses(stand: Stand) -> None:
    await stand.run("create stream s (a int32)", "create view v as select a from s")
    assert await code_of(stand, "delete from s where nosuch = 1") == 47
    assert await code_of(stand, "delete from nosuch where a = 1") == 60
    assert await code_of(stand, "delete from s") == 62
    assert await code_of(stand, "delete from s where a in (select a from table(s))") == 48
    assert await code_of(stand, "delete from v where a = 1") == 48


async def test_expired_rows_are_no_part_of_a_keyed_past(stand: Stand) -> None:
    await stand.run(
        "create stream s (id int32, n int32) primary key id ttl _tp_time + 1h "
        "settings mode = 'versioned_kv'",
        "insert into s (id, n) values (1, 1)(2, 1)",
    )
    await stand.engine.wait(3_000_000)
    await stand.run("insert into s (id, n) values (2, 2)")
    await stand.engine.wait(900_000)
    assert await stand.run("select id, n from table(s)") == [[2, 2]]
    reader = await stand.tail("select id, n from s")
    assert await stand.rows(reader) == [[2, 2]]
    await reader.close()


@pytest.mark.turns(3)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", ["versioned_kv", "changelog_kv"])
async def test_a_reader_from_any_moment_knows_what_table_knows(
    stand: Stand, mode: str, seed: int
) -> None:
    draw = random.Random(seed)
    versioned = mode == "versioned_kv"
    settings = ", version_column = 'rev'" if versioned else ""
    await stand.run(
        f"create stream s (id int32, rev int32) primary key id settings mode = '{mode}'{settings}"
    )
    current: dict[int, int] = {}
    readers: list[tuple[Reader, dict[int, int]]] = []
    columns = "id, rev" if versioned else "id, rev, _tp_delta"
    for step in range(8):
        if step % 3 == 0:
            readers.append((await stand.tail(f"select {columns} from s"), {}))
        values = "".join(_change(draw, current, versioned=versioned) for _ in range(5))
        await stand.run(f"insert into s ({columns}) values {values}")
        if draw.random() < 0.3:
            stand.seal()
        for reader, known in readers:
            for row in await stand.rows(reader):
                _fold(known, row, versioned=versioned)
        table = await stand.run("select id, rev from table(s) order by id")
        for _, known in readers:
            assert [[key, known[key]] for key in sorted(known)] == table
    for reader, _ in readers:
        await reader.close()


def _change(draw: random.Random, current: dict[int, int], *, versioned: bool) -> str:
    """A row of a versioned stream; of a changelog the old row with -1, if any, and maybe a new."""
    key, rev = draw.randint(1, 4), draw.randint(0, 9)
    if versioned:
        return f"({key}, {rev})"
    text = f"({key}, {current.pop(key)}, -1)" if key in current else ""
    if not text or draw.random() < 0.7:
        current[key] = rev
        text += f"({key}, {rev}, 1)"
    return text


def _fold(known: dict[int, int], row: list[Any], *, versioned: bool) -> None:
    """What a reader does with a row."""
    if versioned:
        known[row[0]] = max(row[1], known.get(row[0], row[1]))
    elif row[2] > 0:
        known[row[0]] = row[1]
    else:
        assert known.pop(row[0]) == row[1]


async def test_truncated_keyed_stream_begins_empty(stand: Stand) -> None:
    await stand.run(
        "create stream s (id int32) primary key id settings mode = 'versioned_kv'",
        "insert into s (id) values (1)",
        "truncate stream s",
    )
    reader = await stand.tail("select id from s")
    await stand.run("insert into s (id) values (2)")
    assert await stand.rows(reader) == [[2]]
    await reader.close()
