"""Background queries over both implementations of the Engine protocol: local and remote."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, NotFound, UserError
from engine.protocol import BackgroundQuery, Engine, Position
from tests.engine.test_protocol import ME, engine, ingest, stream

__all__ = ["engine"]

OWNER = "sink:0c6e4a52-8f6d-4e6b-9a35-5d3f0a8c1b11"
QUERY = BackgroundQuery(OWNER, ("select device, speed from iot where speed > 0",), "out")


async def take(rows: Any, count: int) -> list[list[Any]]:
    """At least so many rows."""
    found: list[list[Any]] = []
    while len(found) < count:
        piece = await asyncio.wait_for(anext(rows), 10)
        values = json.loads(piece.payload)
        assert len(values) == piece.count
        found += values
    return found


async def until(engine: Engine, status: str) -> Any:
    """The state when it is this."""
    async with asyncio.timeout(10):
        while (found := (await engine.background_states((OWNER,)))[OWNER]).status != status:
            await asyncio.sleep(0.02)
    return found


async def test_a_background_query_is_read_by_a_position(engine: Engine) -> None:
    await engine.create(stream(), ME)
    checked = await engine.check_background(QUERY.queries)
    assert checked.stream == ""
    assert [c.name for c in checked.headers[0]] == ["device", "speed"]
    assert checked.reads == (("iot",),)
    assert await engine.background_states((OWNER,)) == {}
    opened = await engine.start_background(QUERY, ME)
    assert (opened.stream[:6], opened.headers) == ("_sink_", checked.headers)
    await ingest(engine, [["a", 1], ["b", -1], ["c", 2]])
    rows = engine.read_background(OWNER)
    assert await take(rows, 2) == [["a", 1.0], ["c", 2.0]]
    later = asyncio.ensure_future(take(rows, 1))
    await asyncio.sleep(0.05)
    await ingest(engine, [["d", 3]])
    assert await later == [["d", 3.0]]
    await engine.advance(
        OWNER, Position(0, 0), {"key": b"\x00\xff"}, (DeadLetter("{}", "refused", "here"),)
    )
    assert await engine.positions((OWNER, "sink:other")) == {OWNER: Position(0, 0)}
    assert await engine.saved((OWNER, "sink:other")) == {OWNER: {"key": b"\x00\xff"}}
    again = engine.read_background(OWNER)
    first = await anext(again)
    assert (first.query, first.sn, first.first_row, first.count) == (0, 0, 1, 1)
    assert json.loads(first.payload) == [["c", 2.0]]
    assert (await engine.stats(opened.stream)).row_count == 3
    names = [d.name for d in (await engine.definitions()).definitions]
    assert names == ["_dlq_out_0c6e4a52", "iot"]
    for each in (rows, again):
        await each.aclose()  # type: ignore[attr-defined]


async def test_a_reader_hears_of_the_end(engine: Engine) -> None:
    with pytest.raises(NotFound):
        await anext(engine.read_background(OWNER))
    with pytest.raises(NotFound):
        await engine.advance(OWNER, Position())
    await engine.create(stream(), ME)
    await engine.start_background(QUERY, ME)
    waiting = asyncio.ensure_future(anext(engine.read_background(OWNER), None))
    await asyncio.sleep(0.05)
    await engine.drop_background(OWNER)
    assert await asyncio.wait_for(waiting, 10) is None


async def test_a_reader_hears_that_the_engine_stops(engine: Engine) -> None:
    await engine.create(stream(), ME)
    await engine.start_background(QUERY, ME)
    waiting = asyncio.ensure_future(anext(engine.read_background(OWNER)))
    await asyncio.sleep(0.05)
    await engine.close()
    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(waiting, 10)


async def test_it_is_paused_goes_on_and_says_why_it_failed(engine: Engine) -> None:
    await engine.create(stream(), ME)
    query = BackgroundQuery(OWNER, ("select to_int32(device) as n from iot",), "out")
    await engine.start_background(query, ME)
    await engine.pause_background(OWNER)
    assert (await until(engine, "Paused")).message == ""
    await ingest(engine, [["7", 1]])
    await engine.start_background(query, ME)
    assert await take(engine.read_background(OWNER), 1) == [[7]]
    await ingest(engine, [["seven", 1]])
    assert "int32" in (await until(engine, "Error")).message
    with pytest.raises(UserError) as caught:
        await engine.drop("iot")
    assert caught.value.code == 630
    assert OWNER in caught.value.message
    await engine.reconcile({})
    await engine.drop("iot")


async def test_a_slow_reader_is_sent_no_more_than_it_takes(engine: Engine) -> None:
    await engine.create(stream(), ME)
    await engine.start_background(QUERY, ME)
    for at in range(20):
        await ingest(engine, [[f"{at} " + "x" * 4_000, 1]] * 20)
    rows = engine.read_background(OWNER)
    first = await take(rows, 1)
    assert first[0][0].startswith("0 ")
    await asyncio.sleep(0.3)
    waiting = getattr(engine, "_reads", {})
    for read in waiting.values():
        assert sum(len(item.payload) for item in read._items) < 512 << 10  # of 1.6 MB
    rest = await take(rows, 400 - len(first))
    assert [row[0].split()[0] for row in first + rest] == [str(at // 20) for at in range(400)]


async def test_of_two_equal_local_times_the_second_has_its_offset_if_asked_for(
    engine: Engine,
) -> None:
    await engine.create(stream(), ME)
    sql = "select from_unix_timestamp64_milli(to_int64(device), 'Europe/Berlin') as at from iot"
    await engine.start_background(BackgroundQuery(OWNER, (sql,), "out"), ME)
    await ingest(engine, [["1792888200250", 1], ["1792891800250", 1]])
    text = "2026-10-25 02:30:00.250"
    assert await take(engine.read_background(OWNER), 2) == [[text], [text]]
    assert await take(engine.read_background(OWNER, True), 2) == [[text], [f"{text}+01:00"]]


async def test_an_alert_has_two_queries(engine: Engine) -> None:
    await engine.create(stream(), ME)
    queries = ("select device from iot where speed > 10", "select speed from iot where speed < 5")
    opened = await engine.start_background(BackgroundQuery("alert:7", queries, "hot"), ME)
    assert [[c.type for c in header] for header in opened.headers] == [["string"], ["float32"]]
    await ingest(engine, [["a", 20], ["b", 1], ["c", 7], ["d", 30]])
    rows = engine.read_background("alert:7")
    found = [await asyncio.wait_for(anext(rows), 10) for _ in range(3)]
    got = [(piece.query, json.loads(piece.payload)) for piece in found]
    assert got == [(0, [["a"]]), (1, [[1.0]]), (0, [["d"]])]
