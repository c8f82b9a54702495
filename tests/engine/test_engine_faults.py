"""What one request, stream or fault does to the others: nothing."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from engine import bounded
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import (
    Code,
    EngineUnavailable,
    IngestError,
    NotFound,
    QueryFailed,
    SqlError,
)
from engine.host import ClientConnection
from engine.local import LocalEngine
from engine.protocol import (
    Caller,
    ColumnDef,
    Definition,
    IngestAck,
    IngestRequest,
    QueryEnd,
    QueryRequest,
    Rows,
)
from engine.remote import RemoteEngine
from tests.journeys.waiting import within

ME = Caller("u1", "alice")


async def opened(tmp_path: Path) -> LocalEngine:
    return await LocalEngine.open(tmp_path / "ws", EngineSettings(), SystemClock())


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """The engine over an empty folder."""
    made = await opened(tmp_path)
    yield made
    await asyncio.wait_for(made.close(), 20)


async def create(engine: LocalEngine, name: str) -> Definition:
    columns = (ColumnDef("device", "string"), ColumnDef("speed", "float32"))
    return await engine.create(Definition("", name, "stream", columns), ME)


async def ingest(engine: LocalEngine, name: str) -> IngestAck:
    body = json.dumps({"columns": ["device", "speed"], "data": [["a", 1.0]]}).encode()
    return await engine.ingest(IngestRequest(name, "compact"), body)


async def test_a_dropped_stream_fails_no_writer_of_another(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both wait in one group; one stream goes between decoding and the commit."""
    gone = await create(engine, "gone")
    await create(engine, "kept")
    decode = engine._ingestor._decode

    def decode_then_drop(runs: list[Any], members: list[Any]) -> None:
        decode(runs, members)
        if any(member.stream == "gone" for member in members):
            engine._storage.drop_stream(gone.id)

    monkeypatch.setattr(engine._ingestor, "_decode", decode_then_drop)
    outcomes = await asyncio.gather(
        ingest(engine, "gone"), ingest(engine, "kept"), return_exceptions=True
    )
    assert isinstance(outcomes[0], NotFound)
    assert outcomes[1] == IngestAck(1, 0)


async def test_an_id_that_is_known_is_answered_whatever_the_body(engine: LocalEngine) -> None:
    await create(engine, "s")
    request = IngestRequest("s", "compact", "k")
    good = b'{"columns": ["device"], "data": [["a"]]}'
    assert await engine.ingest(request, good) == IngestAck(1, 0)
    assert (await engine.ingest(request, b"no JSON at all")) == IngestAck(0, 0, duplicate=True)
    with pytest.raises(IngestError):
        await engine.ingest(IngestRequest("s", "compact", "other"), b"no JSON at all")


async def test_a_body_that_breaks_the_decoder_fails_no_other(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(engine, "s")
    decode = engine._ingestor._decode

    def broken(runs: list[Any], members: list[Any]) -> None:
        if any(b"poison" in member.body for member in members):
            raise ValueError("a fault of the decoder")
        decode(runs, members)

    monkeypatch.setattr(engine._ingestor, "_decode", broken)
    body = b'{"columns": ["device"], "data": [["poison"]]}'
    outcomes = await asyncio.gather(
        engine.ingest(IngestRequest("s", "compact"), body),
        ingest(engine, "s"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], IngestError) and outcomes[1] == IngestAck(1, 0)


async def test_rows_that_come_while_it_closes_are_refused(engine: LocalEngine) -> None:
    await create(engine, "s")
    await asyncio.to_thread(engine._ingestor.close)
    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(ingest(engine, "s"), 5)


async def test_a_query_withdrawn_while_it_starts_does_not_run(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(engine, "s")
    start, gate, done = engine._flow.start, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> None:
        gate.wait(10)
        start(*arguments)
        done.set()

    monkeypatch.setattr(engine._flow, "start", slow)
    running = asyncio.ensure_future(engine.run(QueryRequest("q", "SELECT * FROM s")))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    gate.set()
    await asyncio.to_thread(done.wait, 10)
    async with asyncio.timeout(10):
        while engine._flow.running:
            await asyncio.sleep(0.01)


async def test_a_bounded_query_cancelled_at_once_ends(engine: LocalEngine) -> None:
    await create(engine, "s")
    query = await engine.run(QueryRequest("q", "SELECT * FROM table(s)"))
    await query.cancel()
    async with asyncio.timeout(10):
        items = [item async for item in query.items()]
    assert [getattr(item, "status", "rows") for item in items] == ["canceled"]
    assert (await engine.info()).running_queries == 0


async def test_a_bounded_query_that_meets_a_fault_ends(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(engine, "s")

    def broken(_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("engine.worker_process._pack", broken)
    query = await engine.run(QueryRequest("q", "SELECT 1"))
    async with asyncio.timeout(10):
        items = [item async for item in query.items()]
    assert [getattr(item, "status", "rows") for item in items] == ["failed"]


async def test_a_refused_query_keeps_no_files(engine: LocalEngine) -> None:
    await create(engine, "a")
    await create(engine, "b")
    await ingest(engine, "a")
    await asyncio.to_thread(engine._storage.seal_now)
    planned = await engine._plan("SELECT * FROM table(a) AS x JOIN table(b) AS y USING (device)")
    await engine.drop("b")
    with pytest.raises(SqlError):
        await engine._runner.start(QueryRequest("q", ""), planned)
    assert not engine._storage._history._leases


async def test_the_answer_to_an_insert_whose_caller_left_disturbs_nobody(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(engine, "s")
    answers: list[Any] = []
    submitted = asyncio.Event()

    def submit(*arguments: Any) -> None:
        answers.append(arguments[-1])
        submitted.set()

    monkeypatch.setattr(engine._ingestor, "submit_table", submit)
    request = QueryRequest("q", "INSERT INTO s (device) VALUES ('a')")
    insert = asyncio.create_task(engine.run(request))
    await submitted.wait()
    insert.cancel()
    await asyncio.gather(insert, return_exceptions=True)
    assert insert.cancelled()
    answers[0](IngestAck(1, 0))


async def test_a_change_counts_though_its_snapshot_cannot_be_written(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine._catalog, "_path", Path("/dev/full/catalog.json"))
    watcher = engine.watch()
    assert (await anext(watcher)).definitions == ()
    made = await create(engine, "s")
    assert (await asyncio.wait_for(anext(watcher), 5)).definitions == (made,)


async def test_a_disk_without_room_for_copies_still_opens(tmp_path: Path) -> None:
    engine = await opened(tmp_path)
    await create(engine, "s")
    await engine.close()
    (tmp_path / "ws" / "catalog.new").mkdir()  # neither the snapshot nor the charge table
    (tmp_path / "ws" / "charge").unlink(missing_ok=True)
    (tmp_path / "ws" / "charge").symlink_to("/dev/full")
    engine = await opened(tmp_path)
    assert [d.name for d in (await engine.definitions()).definitions] == ["s"]
    await engine.close()


async def test_an_insert_does_not_take_the_memory_of_the_process(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(engine, "s")
    monkeypatch.setattr(bounded, "FETCHED_BYTES_MAX", 1 << 20)
    wide = "INSERT INTO s SELECT repeat('x', 100000), 1 FROM numbers(100)"
    with pytest.raises(QueryFailed) as refused:
        await engine.run(QueryRequest("q", wide))
    assert refused.value.code == Code.MEMORY_LIMIT


async def test_a_reader_that_leaves_is_forgotten(engine: LocalEngine, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: ClientConnection(engine).wire, path)
    remote = await RemoteEngine.connect(path)
    await create(engine, "s")
    query = await remote.run(QueryRequest("q", "SELECT * FROM s"))
    items = query.items()
    await ingest(engine, "s")
    await anext(items)
    await items.aclose()  # type: ignore[attr-defined]
    async with within(5):
        while remote._queries or (await remote.info()).running_queries:
            await asyncio.sleep(0.01)
    await remote.close()
    server.close()


async def test_damage_is_shown_by_definitions_and_stats(tmp_path: Path) -> None:
    engine = await opened(tmp_path)
    await create(engine, "s")
    await ingest(engine, "s")
    await ingest(engine, "s")
    await engine.close()
    (segment,) = (tmp_path / "ws" / "log").glob("*.seg")
    data = bytearray(segment.read_bytes())
    middle = data.index(b"TRF1", data.index(b"TRF1") + 1) + 40  # the frame of the first row
    data[middle] ^= 1
    segment.write_bytes(bytes(data))
    engine = await opened(tmp_path)
    (shown,) = (await engine.definitions()).definitions
    assert shown.degraded == ((0, 0),) == (await engine.stats("s")).degraded
    await engine.close()


async def test_a_drop_ends_the_tails_of_the_stream(engine: LocalEngine) -> None:
    """The last frame says why; a tail of another stream goes on."""
    await create(engine, "gone")
    await create(engine, "kept")
    tail = await engine.run(QueryRequest("q1", "select device from gone", ME))
    joined = "select device from kept union all select device from gone"
    both = await engine.run(QueryRequest("q2", joined, ME))
    other = await engine.run(QueryRequest("q3", "select device from kept", ME))
    await engine.drop("gone")
    for query in (tail, both):
        items = [item async for item in query.items()]
        assert items[-1] == QueryEnd("failed", 60, "stream gone was dropped")
    await ingest(engine, "kept")
    assert isinstance(await anext(other.items()), Rows)


async def test_a_query_that_was_planned_before_a_drop_is_refused(engine: LocalEngine) -> None:
    await create(engine, "gone")
    start = engine._flow.start

    def drop_then_start(*args: Any) -> None:
        asyncio.run_coroutine_threadsafe(engine.drop("gone"), loop).result(10)
        start(*args)

    loop = asyncio.get_running_loop()
    engine._flow.start = drop_then_start  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(NotFound, match="stream gone was dropped"):
        await engine.run(QueryRequest("q1", "select device from gone", ME))


async def test_a_truncated_stream_is_empty_after_a_restart(tmp_path: Path) -> None:
    engine = await opened(tmp_path)
    await create(engine, "s")
    await ingest(engine, "s")
    ended = await engine.run(QueryRequest("t", "truncate stream s", ME, allow=("ddl",)))
    assert [item async for item in ended.items()][-1] == QueryEnd("finished")
    await engine.close()
    again = await opened(tmp_path)
    try:
        found = await again.run(QueryRequest("q", "select count() from table(s)", ME))
        rows = [item async for item in found.items() if isinstance(item, Rows)]
        assert [json.loads(r.payload) for r in rows] == [[[0]]]
    finally:
        await again.close()


async def test_a_change_goes_on_when_its_client_goes_away(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog's copy and its watchers hear of what the log holds."""
    heard: list[str] = []
    engine._ddl.on_change(lambda definition: heard.append(definition.name if definition else ""))
    store = engine._ddl._store
    begun = asyncio.Event()

    async def slow(notes: Any) -> None:
        begun.set()
        await asyncio.sleep(0.05)
        await store(notes)

    monkeypatch.setattr(engine._ddl, "_store", slow)
    asked = asyncio.ensure_future(create(engine, "s"))
    await begun.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await engine.close()
    assert heard == ["s"]


async def test_a_call_that_waits_is_answered_when_the_flow_ends(engine: LocalEngine) -> None:
    """Nobody waits for ever on a thread that is gone."""
    await create(engine, "s")
    await asyncio.to_thread(engine._flow.close)
    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(engine.run(QueryRequest("q", "select * from s", ME)), 5)
