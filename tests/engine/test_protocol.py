"""One suite over both implementations of the Engine protocol: local, and remote over the socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import AlreadyExists, IngestError, NotFound, SqlError, UserError
from engine.host import ClientConnection
from engine.local import LocalEngine
from engine.protocol import (
    Alteration,
    Caller,
    ColumnDef,
    Definition,
    Engine,
    IngestRequest,
    QueryEnd,
    QueryRequest,
    Rows,
    RunningQuery,
)
from engine.remote import RemoteEngine

ME = Caller("u1", "alice")
SETTINGS = EngineSettings(subscriber_stall_ms=1500, subscriber_bytes_max=64 * 1024)


@pytest.fixture(params=["local", "remote"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """The engine over an empty folder, called directly or through a Unix socket."""
    local = await LocalEngine.open(tmp_path / "ws", SETTINGS, SystemClock())
    if request.param == "local":
        yield local
        await local.close()
        return
    path = tmp_path / "engine.sock"
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: ClientConnection(local).wire, str(path)
    )
    remote = await RemoteEngine.connect(str(path))
    yield remote
    await remote.close()
    server.close()
    await local.close()


def stream(name: str = "iot", **options: Any) -> Definition:
    """A definition with a text and a number."""
    columns = (ColumnDef("device", "string"), ColumnDef("speed", "float32"))
    return Definition(id="", name=name, kind="stream", columns=columns, **options)


async def ingest(engine: Engine, rows: list[list[Any]], name: str = "iot", key: str = "") -> Any:
    """One compact body."""
    body = json.dumps({"columns": ["device", "speed"], "data": rows}).encode()
    return await engine.ingest(IngestRequest(name, "compact", key), body)


class Reader:
    """Takes the items of a query step by step."""

    def __init__(self, query: RunningQuery) -> None:
        self.query = query
        self.iterator = query.items()
        self.end: QueryEnd | None = None

    async def rows(self, count: int) -> list[list[Any]]:
        """At least `count` more rows."""
        found: list[list[Any]] = []
        while len(found) < count:
            item = await asyncio.wait_for(anext(self.iterator), 10)
            assert isinstance(item, Rows), item
            piece = json.loads(item.payload)
            assert len(piece) == item.count
            found += piece
        return found

    async def finish(self) -> tuple[list[list[Any]], QueryEnd]:
        """Everything up to the end."""
        found: list[list[Any]] = []
        async for item in self.iterator:
            if isinstance(item, QueryEnd):
                return found, item
            found += json.loads(item.payload)
        raise AssertionError("no end")


async def run(engine: Engine, sql: str, **options: Any) -> Reader:
    """Start a statement."""
    request = QueryRequest(id=SystemClock().uuid4(), sql=sql, caller=ME, **options)
    return Reader(await engine.run(request))


async def select(engine: Engine, sql: str) -> list[list[Any]]:
    """All rows of a bounded statement."""
    rows, end = await (await run(engine, sql)).finish()
    assert end.status == "finished", end
    return rows


async def test_bodies_for_streams_of_one_schema_do_not_mix(engine: Engine) -> None:
    """They are decoded together: each stream gets its rows alone, each writer its own answer."""
    names = [f"s{number}" for number in range(12)]
    for name in names:
        await engine.create(stream(name), ME)
    large = "x" * 40_000  # such bodies are not joined with others

    def one(number: int, turn: int) -> Any:
        if turn == 2 and number % 3 == 0:
            return ingest(engine, [["bad", "no number"]], names[number])
        text = large if turn == 1 and number % 4 == 0 else "small"
        rows = [[text, number], ["second", number * 100 + turn]]
        return ingest(engine, rows, names[number], f"id{turn}" if number % 2 else "")

    calls = [one(number, turn) for turn in range(5) for number in range(12)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for at, outcome in enumerate(outcomes):
        turn, number = divmod(at, 12)
        assert isinstance(outcome, IngestError) == (turn == 2 and number % 3 == 0), outcome
    for number, name in enumerate(names):
        turns = [turn for turn in range(5) if not (turn == 2 and number % 3 == 0)]
        sql = f"select speed from table({name}) order by _tp_sn, device desc, speed"
        expected = [v for turn in turns for v in (number, number * 100 + turn)]
        assert sorted(v for (v,) in await select(engine, sql)) == sorted(map(float, expected))
        again = await ingest(engine, [["other", 1]], name, "id0")
        assert again.duplicate == bool(number % 2)


async def test_create_ingest_tail_and_table(engine: Engine) -> None:
    """A tail sees only what comes after it; table() sees all that was acknowledged."""
    made = await engine.create(stream(), ME)
    assert made.id and made.created_by == ME
    await ingest(engine, [["a", 1.5]])
    tail = await run(engine, "select device, speed * 2 as twice from iot where speed > 1")
    assert tail.query.opened.kind == "streaming"
    assert [c.name for c in tail.query.opened.header] == ["device", "twice"]
    ack = await ingest(engine, [["b", 3], ["c", 0.5], ["d", 61.5]])
    assert (ack.rows, ack.sn, ack.duplicate) == (3, 1, False)
    assert await tail.rows(2) == [["b", 6.0], ["d", 123.0]]
    await tail.query.cancel()
    assert (await tail.finish())[1].status == "canceled"
    rows = await select(engine, "select device, speed, _tp_sn from table(iot) order by device")
    assert rows == [["a", 1.5, 0], ["b", 3.0, 1], ["c", 0.5, 1], ["d", 61.5, 1]]


async def test_limit_ends_a_stream(engine: Engine) -> None:
    """LIMIT counts rows and then finishes the query."""
    await engine.create(stream(), ME)
    tail = await run(engine, "select device from iot limit 2")
    await ingest(engine, [["a", 1], ["b", 2], ["c", 3]])
    rows, end = await tail.finish()
    assert rows == [["a"], ["b"]]
    assert end.status == "finished"


async def test_tumble_count_closes_by_event_time(engine: Engine) -> None:
    """A window is sent when a newer event passes its end."""
    await select(
        engine, "create stream w(id string, t datetime64(3)) settings event_time_column='t'"
    )
    query = await run(
        engine,
        "select id, count(), window_start from tumble(w, 5s) group by id, window_start",
    )
    body = (
        b'{"columns":["id","t"],"data":[["x","2026-01-01 00:00:01"],["x","2026-01-01 00:00:03"]]}'
    )
    await engine.ingest(IngestRequest("w", "compact"), body)
    body = b'{"columns":["id","t"],"data":[["y","2026-01-01 00:00:07"]]}'
    await engine.ingest(IngestRequest("w", "compact"), body)
    assert await query.rows(1) == [["x", 2, "2026-01-01 00:00:00.000"]]
    await query.query.cancel()


async def test_errors_keep_class_and_code(engine: Engine) -> None:
    """What is refused is refused with the same error on both sides of the socket."""
    await engine.create(stream(), ME)
    with pytest.raises(AlreadyExists) as exists:
        await engine.create(stream(), ME)
    assert exists.value.code == 57
    with pytest.raises(SqlError) as syntax:
        await run(engine, "selec 1")
    assert syntax.value.code == 62
    with pytest.raises(UserError) as unknown:
        await run(engine, "select * from nothing")
    assert unknown.value.code == 60
    with pytest.raises(IngestError) as bad:
        await ingest(engine, [["a", "not a number"]])
    assert "speed" in bad.value.message
    with pytest.raises(UserError):
        await engine.ingest(IngestRequest("nothing", "compact"), b"{}")
    assert await select(engine, "select count() from table(iot)") == [[0]]
    with pytest.raises(NotFound):
        await engine.pipeline("no such query")
    with pytest.raises(UserError) as streaming:
        await run(engine, "select * from iot", bounded_only=True)
    assert streaming.value.code in (48, 36, 80)


async def test_insert_ddl_and_show(engine: Engine) -> None:
    """DDL and INSERT by SQL are the same as by call; SHOW lists them."""
    await select(engine, "create stream t (a int, b string default 'x')")
    await select(engine, "insert into t (a) values (1)(2)")
    assert await select(engine, "select a, b, _tp_sn from table(t)") == [[1, "x", 0], [2, "x", 0]]
    assert ["t"] in [row[:1] for row in await select(engine, "show streams")]
    snapshot = await engine.definitions()
    assert [d.name for d in snapshot.definitions] == ["t"]
    await select(engine, "drop stream t")
    assert (await engine.definitions()).definitions == ()


async def test_idempotency_id_is_stored_once(engine: Engine) -> None:
    """The second body with a known id is acknowledged and not stored."""
    await engine.create(stream(), ME)
    first = await ingest(engine, [["a", 1]], key="k1")
    second = await ingest(engine, [["other", 2]], key="k1")
    assert not first.duplicate
    assert second.duplicate
    both = await asyncio.gather(
        ingest(engine, [["b", 1]], key="k2"), ingest(engine, [["b", 1]], key="k2")
    )
    assert sorted(ack.duplicate for ack in both) == [False, True]
    assert await select(engine, "select count() from table(iot)") == [[2]]


async def test_uses_refuse_a_drop(engine: Engine) -> None:
    """A view or an owner that reads a stream keeps it from being dropped, unless forced."""
    await engine.create(stream(), ME)
    await select(engine, "create view v as select device from iot")
    await engine.hold("source:s1", ("iot",))
    with pytest.raises(UserError) as used:
        await engine.drop("iot")
    assert used.value.code == 630
    assert "v" in used.value.message
    assert "source:s1" in used.value.message
    await engine.release("source:s1")
    await engine.drop("v")
    await engine.drop("iot")
    assert (await engine.definitions()).definitions == ()


async def test_alter_stats_and_watch(engine: Engine) -> None:
    """Changes arrive at watchers; stats are measured."""
    await engine.create(stream(), ME)
    seen = engine.watch()
    assert [d.name for d in (await asyncio.wait_for(anext(seen), 5)).definitions] == ["iot"]
    changed = await engine.alter("iot", Alteration(description="cars"), ME)
    assert changed.description == "cars"
    snapshot = await asyncio.wait_for(anext(seen), 5)
    assert snapshot.definitions[0].description == "cars"
    await seen.aclose()  # type: ignore[attr-defined]
    assert (await engine.stats("iot")).row_count == 0
    await ingest(engine, [["a", 1], ["b", 2]])
    stats = await engine.stats("iot")
    assert stats.row_count == 2
    assert stats.streaming_data_bytes > 0
    assert stats.latest_event_ms is not None


async def test_a_reader_that_stops_is_ended(engine: Engine) -> None:
    """Rows wait, nobody takes: failed with 429 within the stall time, ingest goes on."""
    await engine.create(stream(), ME)
    tail = await run(engine, "select * from iot")
    for _ in range(5):
        await ingest(engine, [["x" * 1000, 1.0]] * 2000)
    await asyncio.sleep(3.5)
    _, end = await tail.finish()
    assert (end.status, end.code) == ("failed", 429)
    assert "slow consumer" in end.message


async def test_analysis_format_and_pipeline(engine: Engine) -> None:
    """What the platform says about a statement."""
    await engine.create(stream(), ME)
    analysis = await engine.analyze("select device, count() from iot group by device")
    assert analysis.is_streaming
    assert analysis.has_aggr
    assert analysis.query_type == "SELECT"
    assert "device" in analysis.group_by_columns
    assert "SELECT" in (await engine.format_sql("select 1")).upper()
    tail = await run(engine, "select device from iot where speed > 3")
    pipeline = await engine.pipeline(tail.query.opened.id)
    assert pipeline.nodes
    assert await engine.cancel(tail.query.opened.id)
    assert not await engine.cancel("unknown")


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Definitions, uses, rows and idempotency ids are there after closing and opening again."""
    engine = await LocalEngine.open(tmp_path / "ws", SETTINGS, SystemClock())
    await engine.create(stream(), ME)
    await ingest(engine, [["a", 1]], key="k1")
    await engine.hold("source:s1", ("iot",))
    await engine.close()
    engine = await LocalEngine.open(tmp_path / "ws", SETTINGS, SystemClock())
    assert (await ingest(engine, [["a", 1]], key="k1")).duplicate
    assert (await ingest(engine, [["b", 2]])).sn == 1
    assert await select(engine, "select device from table(iot)") == [["a"], ["b"]]
    with pytest.raises(UserError):
        await engine.drop("iot")
    await engine.close()


def view(name: str, query: str, kind: Any = "materialized_view", **fields: Any) -> Definition:
    """A view to create."""
    return Definition(id="", name=name, kind=kind, query=query, **fields)


async def test_views_are_created_from_definitions(engine: Engine) -> None:
    """Both kinds, as by SQL; what follows the query's last word is not kept."""
    await engine.create(stream(), ME)
    plain = await engine.create(view("v", " select * from iot; -- all", "view"), ME)
    assert plain.query == "select * from iot"
    assert [c.name for c in plain.columns] == ["device", "speed", "_tp_time"]
    with pytest.raises(AlreadyExists):
        await engine.create(view("v", "select device from iot", "view"), ME)
    options = {**plain.options, "or_replace": True}
    changed = await engine.create(view("v", "select device from iot", "view", options=options), ME)
    assert (changed.id, [c.name for c in changed.columns]) == (plain.id, ["device"])
    for wrong in ("select 1; drop stream iot", "drop stream iot", "select 1 as a comment 'x'", ""):
        for kind in ("view", "materialized_view"):
            with pytest.raises(SqlError) as refused:
                await engine.create(view("w", wrong, kind), ME)
            assert refused.value.code in (36, 62), wrong
    with pytest.raises(UserError):
        await engine.create(view("w", "select device from table(iot)"), ME)
    assert {d.name for d in (await engine.definitions()).definitions} == {"iot", "v"}


async def test_a_materialized_view_makes_its_target(engine: Engine) -> None:
    """The target has the query's columns, TTL and retentions; without the view it is not made."""
    await engine.create(stream(), ME)
    asked = view(
        "fast",
        "select device, speed * 2 as twice from iot where speed > 1",
        ttl_expression="to_datetime(_tp_time) + interval 1 day",
        logstore_retention_ms=5000,
        options={"into": "rows"},
    )
    with pytest.raises(SqlError):
        await engine.create(view("bad", "select nothing from iot", options={"into": "rows"}), ME)
    made = await engine.create(asked, ME)
    assert made.created_by == ME
    assert made.ttl_expression == asked.ttl_expression
    found = {d.name: d for d in (await engine.definitions()).definitions}
    assert set(found) == {"iot", "fast", "rows"}
    assert [(c.name, c.type) for c in found["rows"].columns] == [
        ("device", "string"),
        ("twice", "float64"),
    ]
    assert found["rows"].ttl_expression == asked.ttl_expression
    assert found["rows"].logstore_retention_ms == 5000
    await ingest(engine, [["a", 1], ["b", 2]])
    reader = await run(engine, "select device, twice from rows settings seek_to = 'earliest'")
    assert await reader.rows(1) == [["b", 4.0]]
    await reader.query.cancel()
    stats = await engine.stats("fast")
    assert (stats.row_count, stats.written_eps > 0) == (1, True)
    with pytest.raises(UserError) as used:
        await engine.drop("rows")
    assert used.value.code == 630
    with pytest.raises(AlreadyExists):
        await engine.create(asked, ME)


async def test_the_state_of_a_view(engine: Engine) -> None:
    """Running, paused with a lag, running again."""
    await engine.create(stream(), ME)
    await engine.create(view("mv", "select device, count() from iot group by device"), ME)
    with pytest.raises(NotFound):
        await engine.view_state("iot")
    running = await engine.view_state("mv")
    assert (running.status, running.message, running.lagging) == ("ExecutingPipeline", "", 0)
    assert running.since_ms > 0
    await ingest(engine, [["a", 1]])
    await select(engine, "system pause materialized view `mv`")
    for _ in range(3):
        await ingest(engine, [["a", 1]])
    paused = await engine.view_state("mv")
    assert (paused.status, paused.lagging, paused.state_bytes) == ("Paused", 3, 0)
    assert paused.checkpoint_bytes > 0
    assert paused.since_ms >= running.since_ms
    await select(engine, "system resume materialized view mv")
    async with asyncio.timeout(10):
        while (state := await engine.view_state("mv")).lagging:
            await asyncio.sleep(0.05)
    assert (state.status, state.lagging, state.state_bytes > 0) == ("ExecutingPipeline", 0, True)


async def test_rates_survive_a_restart(tmp_path: Path) -> None:
    """What was written and what queries read is counted over restarts."""
    engine = await LocalEngine.open(tmp_path / "ws", SETTINGS, SystemClock())
    await engine.create(stream(), ME)
    await ingest(engine, [["a", 1], ["b", 2]])
    assert await select(engine, "select count() from table(iot)") == [[2]]
    before = await engine.stats("iot", 1)
    assert (before.written_eps > 0, before.read_eps > 0) == (True, True)
    await engine.close()
    engine = await LocalEngine.open(tmp_path / "ws", SETTINGS, SystemClock())
    after = await engine.stats("iot", 1)
    assert (after.written_eps, after.read_eps) == (before.written_eps, before.read_eps)
    assert [p.start_ms for p in after.history] == [p.start_ms for p in before.history]
    await engine.close()


async def test_the_state_of_a_view_that_failed(engine: Engine) -> None:
    """The error is said, what waits is counted, and a view that leaves out goes on."""
    await engine.create(stream(), ME)
    query = "select to_int32(device) as n from iot"
    await engine.create(view("strict", query), ME)
    await engine.create(view("lenient", f"{query} settings enable_dlq = 1"), ME)
    await ingest(engine, [["1", 1], ["x", 2]])
    await ingest(engine, [["3", 1]])
    async with asyncio.timeout(20):
        while (failed := await engine.view_state("strict")).status != "Error":
            await asyncio.sleep(0.05)
        while not (lenient := await engine.view_state("lenient")).left_out_rows:
            await asyncio.sleep(0.05)
    assert "int32" in failed.message
    assert failed.lagging == 2
    assert (failed.dead_letter_stream, failed.left_out_rows) == ("", 0)
    assert lenient.left_out_rows == 1
    letters = lenient.dead_letter_stream
    assert await select(engine, f"select raw from table({letters})") != []
    with pytest.raises(UserError):
        await select(engine, "system resume materialized view strict")


async def test_activity_and_diagnosis(engine: Engine) -> None:
    await engine.create(Definition("", "iot", "stream", columns=(ColumnDef("n", "int32"),)), ME)
    query = await engine.run(QueryRequest("q", "select n from iot where n > 5"))
    body = json.dumps({"columns": ["n"], "data": [[1], [9]]}).encode()
    await engine.ingest(IngestRequest("iot", "compact"), body)
    async with asyncio.timeout(10):
        while not (await engine.diagnose("query:q")).work.scanned_rows:
            await asyncio.sleep(0.01)
    now = await engine.activity()
    assert [(one.name, one.written_rows) for one in now.streams] == [("iot", 2)]
    (work,) = now.works
    assert (work.owner, work.result_rows) == ("query:q", 1)
    assert (await engine.diagnose("query:q")).appended[0].newest_append_ms > 0
    await query.cancel()
    with pytest.raises(NotFound):
        await engine.diagnose("query:other")
