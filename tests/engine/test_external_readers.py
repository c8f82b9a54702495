"""Readers of external streams, filled by the test in place of the connector process."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

import pytest
import pytest_asyncio

from engine import externals
from engine.errors import Code, NotFound, TailraceError
from engine.external_objects import ExternalState, ExternalWork, Reader
from engine.log.records import Receipt, Record
from engine.source_appends import SourceAck, SourceAppend
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXT = """create external stream ext (i int32, k string)
    settings type = 'kafka', brokers = 'nobody.invalid:9092', topic = 't'"""
TURNS_MAX = 500


class Connector:
    """Places every reader that the engine wants, and sends what the test says."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.work = ExternalWork()
        self.messages: list[bytes] = []  # what bounded readers get
        self.numbers: dict[str, tuple[int, int]] = {}
        self._task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        async for work in self.place.engine.watch_external():
            self.work = work
            for reader in work.readers:
                if reader.owner not in self.numbers:
                    await self._begin(reader)

    async def _begin(self, reader: Reader) -> None:
        engine = self.place.engine
        opened = await engine.open_source(reader.owner)
        self.numbers[reader.owner] = opened.epoch, opened.number
        await self.append(reader.owner, saved={"at": b"0"})
        if reader.bounded:
            await self.append(reader.owner, *self.messages)
        state = ExternalState(reader.owner, placed=True, done=reader.bounded)
        await engine.report_external(state)

    async def append(self, owner: str, *messages: bytes, **more: Any) -> SourceAck:
        """One append."""
        epoch, number = self.numbers[owner]
        self.numbers[owner] = epoch, number + 1
        sizes = struct.pack(f"<{len(messages)}I", *map(len, messages))
        request = SourceAppend(owner, "ext", epoch, number + 1, "", sizes=sizes, **more)
        return await self.place.engine.append_source(request, b"\n".join(messages))

    async def send(self, *messages: bytes) -> None:
        """To all readers that are there."""
        for reader in self.work.readers:
            await self.append(reader.owner, *messages)
        await self.place.engine.settle()

    async def until(self, readers: int) -> None:
        """So many readers are wanted, and have begun."""
        for _ in range(TURNS_MAX):
            if len(self.work.readers) == readers:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(self.work)

    def close(self) -> None:
        """Go away."""
        self._task.cancel()


@pytest_asyncio.fixture(loop_scope="module")
async def connector(place: Place) -> AsyncIterator[Connector]:
    await place.run(EXT)
    made = Connector(place)
    yield made
    made.close()


def message(i: int, k: str = "", offset: int = 0) -> bytes:
    text = f'{{"i":{i},"k":"{k}","_tp_time":1700000000000,"_tp_message_offset":{offset}'
    return f'{text},"_tp_message_partition":3}}'.encode()


async def test_rows_of_a_query_come_through_a_reader_that_ends_with_it(
    place: Place, connector: Connector
) -> None:
    reader = await place.ask("select *, _tp_sn, _tp_shard from ext where i > 1")
    (wanted,) = connector.work.readers
    assert (wanted.start.kind, wanted.external.settings["topic"]) == ("latest", "t")
    await connector.send(message(1), message(2, "b", 7))
    assert reader.rows() == [[2, "b", 7, 3]]
    assert [d.name for d in (await place.engine.definitions()).definitions] == ["ext"]
    await reader.close()
    await connector.until(0)
    with pytest.raises(NotFound):
        await connector.append(wanted.owner, message(3))


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("select i from ext settings seek_to = 'earliest'", "earliest", 0),
        ("select i from ext settings seek_to = '17'", "sn", 17),
        ("select i from ext where _tp_sn > 16", "sn", 17),
        ("select i from ext where _tp_time >= '2026-01-01 00:00:00'", "time", 1_767_225_600_000),
        ("select i from ext settings seek_to = '-2h'", "time", 1_767_225_600_000 - 7_200_000),
    ],
)
async def test_where_a_reader_begins(
    place: Place, connector: Connector, sql: str, kind: str, value: int
) -> None:
    reader = await place.ask(sql)
    (wanted,) = connector.work.readers
    assert (wanted.start.kind, wanted.start.value) == (kind, value)
    await reader.close()


async def test_one_query_reads_a_stream_once_and_alike(place: Place, connector: Connector) -> None:
    reader = await place.ask("select i from ext union all select i + 10 from ext")
    assert len(connector.work.readers) == 1
    await connector.send(message(1), message(2))
    assert sorted(reader.rows()) == [[1], [2], [11], [12]]
    await reader.close()


async def test_a_view_goes_on_where_it_was_after_a_kill(place: Place, connector: Connector) -> None:
    await place.run("create materialized view v as select count() as n, sum(i) as s from ext")
    await connector.until(1)
    (before,) = connector.work.readers
    await connector.send(message(1), message(2))
    connector.close()
    await place.kill()
    again = Connector(place)
    await again.until(1)
    (after,) = again.work.readers
    assert after.owner == before.owner
    opened = await place.engine.open_source(after.owner)
    assert opened.saved == {"at": b"0"}
    again.numbers[after.owner] = opened.epoch, opened.number
    await again.send(message(4))
    await place.engine.wait(3_000)
    assert await place.rows("select max(n), max(s) from table(v)") == [[3, 7]]
    await place.run("drop view v")
    await again.until(0)
    again.close()


async def test_readers_without_a_query_go_at_the_start(place: Place, connector: Connector) -> None:
    await place.ask("select i from ext")
    assert len(connector.work.readers) == 1
    await place.kill()
    again = Connector(place)
    await again.until(0)
    assert place.engine.externals.kept == 0
    again.close()


@pytest.mark.parametrize("bounded", [False, True])
async def test_a_query_that_is_given_up_while_its_reader_is_stored_leaves_none(
    place: Place, connector: Connector, bounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = place.engine.externals
    append, held, storing = readers._storage.append, list[Record](), asyncio.Event()

    def hold(*records: Record) -> Future[Receipt]:
        held.extend(records)
        storing.set()
        return Future()

    monkeypatch.setattr(readers._storage, "append", hold)
    asking = asyncio.create_task(place.ask(f"select i from {'table(ext)' if bounded else 'ext'}"))
    await storing.wait()
    if bounded:
        await (await asking).close()
    else:
        asking.cancel()
        await asyncio.wait([asking])
    monkeypatch.setattr(readers._storage, "append", append)
    await asyncio.wrap_future(append(*held))
    for _ in range(TURNS_MAX):
        if not readers.kept:
            break
        await asyncio.sleep(0.001)
    assert readers.kept == 0
    for task in readers._tasks:  # what it waits for was let go
        task.cancel()


async def test_the_connector_waits_for_a_query_that_is_behind(
    place: Place, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(externals, "UNREAD_BYTES_MAX", 40)
    reader = await place.ask("select i from ext")
    (wanted,) = connector.work.readers
    await connector.append(wanted.owner, message(1))
    waiting = asyncio.create_task(connector.append(wanted.owner, message(2)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await place.engine.settle()
    await asyncio.wait_for(waiting, 10)
    await place.engine.settle()
    assert reader.rows() == [[1], [2]]
    await reader.close()


async def test_table_reads_up_to_the_end_and_no_more_than_it_may(
    place: Place, connector: Connector
) -> None:
    connector.messages = [message(1, "a"), message(2, "b")]
    assert await place.rows("select i, k from table(ext) order by i") == [[1, "a"], [2, "b"]]
    assert await place.rows("select count() from table(ext) where i in (select i from table(ext))")
    await connector.until(0)
    place.engine.externals.max_scan_bytes = 20
    reader = await place.ask("select i from table(ext)")
    await reader.finished()
    assert reader.end is not None
    assert (reader.end.code, "seek_to" in reader.end.message) == (Code.MEMORY_LIMIT, True)


async def test_what_fails_is_told(place: Place, connector: Connector) -> None:
    reader = await place.ask("select i from ext")
    (wanted,) = connector.work.readers
    engine = place.engine
    await engine.report_external(ExternalState(wanted.owner, message="Kafka is away."))
    assert engine.counters(reader.opened.id).waits == "Kafka is away."
    await reader.close()


@pytest.mark.parametrize(
    ("sql", "code", "said"),
    [
        ("select i from ext settings replay_speed = 1, seek_to = 'earliest'", 48, "replayed"),
        ("insert into ext (i, nothing) values (1, 2)", 16, "nothing"),
        ("insert into ext (i) select i from ext", 48, "table()"),
        ("create materialized view w into ext as select i as j from s", 36, "column j"),
        ("create materialized view w as select i from table(ext)", 36, "without end"),
        ("alter view sent modify query select i from s", 48, "sent"),
        ("drop external stream ext", 630, "sent"),
        (
            EXT.replace("create", "create or replace").replace("k string", "l string"),
            630,
            "columns",
        ),
    ],
)
async def test_what_is_refused(
    place: Place, connector: Connector, sql: str, code: int, said: str
) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view sent into ext as select i from s")
    await place.run("create materialized view seen as select i from ext")
    with pytest.raises(TailraceError) as caught:
        await place.ask(sql)
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message


async def test_rows_of_a_view_into_one_wait_for_their_writer(
    place: Place, connector: Connector
) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view sent into ext as select i, 'x' as k from s")
    for _ in range(TURNS_MAX):
        if connector.work.writers:
            break
        await asyncio.sleep(0.01)
    (writer,) = connector.work.writers
    assert [column.name for column in writer.columns] == ["i", "k"]
    await place.run("insert into s (i) values (5)")
    await place.engine.settle()
    rows = place.engine.read_background(writer.owner)
    found = await anext(rows)
    assert (found.payload, found.count) == (b'[[5,"x"]]', 1)
    await rows.aclose()
    await place.engine.report_external(ExternalState(writer.owner, message="Kafka is away."))
    (view,) = [d for d in (await place.engine.definitions()).definitions if d.name == "sent"]
    assert view.options["status_message"] == "Kafka is away."
    await place.run("drop view sent")
