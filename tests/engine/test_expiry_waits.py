"""Rows whose TTL is over stay as long as the recovery of a running query would read them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import engine.checkpointing
from engine.config import EngineSettings
from engine.errors import TailraceError
from engine.maintenance import MaintenanceSettings
from engine.protocol import BackgroundQuery, Position
from tests.engine.place import Place
from tests.sql.virtual_engine import ME

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = "create stream s (i int32, t string) ttl to_datetime(_tp_time) + interval 1 second"
SUM = "create materialized view mv as select sum(i) as n from s emit on update"
SINK = "sink:0c6e4a52-8f6d-4e6b-9a35-5d3f0a8c1b11"
WAIT_MS = MaintenanceSettings().expire_wait_ms_max


async def _insert(place: Place, *values: int, text: str = "") -> None:
    for value in values:
        await place.run(f"insert into s (i, t) values ({value}, '{text}')")
        await place.engine.settle()


async def _expire(place: Place, *, held_only: bool = False) -> None:
    """What the background work does every five minutes; `held_only`: every five seconds."""
    await asyncio.to_thread(place.expire, held_only=held_only)


async def _stored(place: Place) -> int:
    return (await place.engine.stats("s")).row_count


async def _waits(place: Place) -> tuple[float, float]:
    counters = (await place.engine.info()).counters
    return counters["history_expiry_waits"], counters["history_expiry_overdue"]


async def _sums(place: Place) -> list[int]:
    return [n for (n,) in await place.rows("select n from table(mv)")]


async def test_a_kill_after_rows_expired_loses_nothing_of_a_view(place: Place) -> None:
    await place.run(STREAM)
    await place.run(SUM)
    await _insert(place, 1, 2)
    place.clock.advance(10_000)
    await _expire(place)
    assert (await _stored(place), await _waits(place)) == (2, (1, 0))
    await place.kill()
    await _insert(place, 4)
    assert await _sums(place) == [1, 3, 7]


async def test_rows_go_as_soon_as_their_readers_are_checkpointed(place: Place) -> None:
    await place.run(STREAM)
    await place.run(SUM)
    await place.run("create materialized view other as select i from s")
    await _insert(place, 1, 2)
    place.clock.advance(10_000)
    await _expire(place)
    await _expire(place, held_only=True)
    assert await _stored(place) == 2
    # Long before these are due by their interval: the expiry asked for them.
    place.engine._checkpoints.look()
    await _expire(place, held_only=True)
    assert (await _stored(place), await _waits(place)) == (0, (0, 0))
    await place.kill()
    await _insert(place, 4)
    assert await _sums(place) == [1, 3, 7]


async def test_rows_above_those_that_are_needed_do_not_keep_the_others(place: Place) -> None:
    """A file goes on to hold what is new and not over; what is over in it was read and kept."""
    await place.run("create stream s (i int32, t string) ttl to_datetime(_tp_time) + 1h")
    await place.run(SUM)
    for value in (1, 2):
        await place.run(f"insert into s (i, _tp_time) values ({value}, '2000-01-01 00:00:00')")
    await place.engine.settle()
    place.engine._checkpoints.take_now(place.engine._catalog.require("mv").id)
    await _insert(place, 4)
    await _expire(place)
    assert (await _stored(place), await _waits(place)) == (1, (0, 0))
    await place.kill()
    await _insert(place, 8)
    assert await _sums(place) == [1, 3, 7, 15]


async def test_a_view_that_was_started_again_and_does_nothing_keeps_no_rows(place: Place) -> None:
    await place.run(STREAM)
    await place.run(SUM)
    await _insert(place, 1, 2)
    await place.restart()
    place.engine._tell_ttl(place.engine._catalog.require("s"))
    place.clock.advance(10_000)
    await _expire(place)
    assert (await _stored(place), await _waits(place)) == (2, (1, 0))
    place.engine._checkpoints.look()
    await _expire(place, held_only=True)
    assert (await _stored(place), await _waits(place)) == (0, (0, 0))
    await place.kill()
    await _insert(place, 4)
    assert await _sums(place) == [1, 3, 7]


async def test_rows_do_not_wait_for_ever_and_the_recovery_says_what_it_lost(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    await place.run(STREAM)
    await place.run(SUM)
    await _insert(place, 1, 2)
    place.clock.advance(10_000)
    await _expire(place)
    place.clock.advance(WAIT_MS - 1)
    await _expire(place)
    assert await _stored(place) == 2
    place.clock.advance(1)
    await _expire(place, held_only=True)
    assert (await _stored(place), await _waits(place)) == (0, (0, 1))
    assert "rows up to append 1" in caplog.text
    view_id = place.engine._catalog.require("mv").id
    assert place.engine._views.status(view_id)[0] == "ExecutingPipeline"
    await place.kill()
    status, message = place.engine._views.status(view_id)
    assert status == "Error" and message.startswith("offset expired: rows of s from append 0 on")


async def test_files_that_are_joined_meanwhile_wait_no_longer(place: Place) -> None:
    await place.run(STREAM)
    await place.run(SUM)
    for value in range(8):
        await _insert(place, value)
        await asyncio.to_thread(place.engine.seal)
    place.clock.advance(10_000)
    await _expire(place)
    await asyncio.to_thread(place.engine._storage.compact_now)
    await _expire(place, held_only=True)
    place.clock.advance(WAIT_MS - 1)
    await _expire(place)
    assert (await _stored(place), await _waits(place)) == (8, (1, 0))
    place.clock.advance(1)
    await _expire(place, held_only=True)
    assert (await _stored(place), await _waits(place)) == (0, (0, 1))


@pytest.mark.parametrize("how", ["paused", "failed", "dropped"])
async def test_a_view_that_does_not_run_keeps_no_rows(place: Place, how: str) -> None:
    await place.run(STREAM)
    await place.run(SUM)
    await _insert(place, 1, 2)
    view_id = place.engine._catalog.require("mv").id
    if how == "paused":
        await place.run("system pause materialized view mv")
    elif how == "dropped":
        await place.run("drop view mv")
    else:
        place.engine._views._fail(
            place.engine._views._views[view_id], TailraceError("its target is gone")
        )
        place.engine.step_flow()
    place.clock.advance(10_000)
    await _expire(place)
    assert (await _stored(place), await _waits(place)) == (0, (0, 0))
    if how == "paused":
        await place.run("system resume materialized view mv")
        await _insert(place, 4)
        assert await _sums(place) == [1, 3, 7]


async def test_rows_wait_for_a_sink_whose_target_does_not_take_them(
    tmp_path: Path, shared_workers: None
) -> None:
    small = Place(tmp_path / "small", EngineSettings(background_bytes_max=64 << 10))
    await small.start()
    try:
        await small.run(STREAM)
        query = BackgroundQuery(SINK, ("select i, t from s",), "orders")
        await small.engine.start_background(query, ME)
        await _insert(small, *range(20), text="x" * 8_000)
        small.clock.advance(10_000)
        await _expire(small)
        assert (await _stored(small), (await _waits(small))[0]) == (20, 1)
        await small.kill()
        assert await _deliver_all(small, 20) == list(range(20))
    finally:
        await small.stop()


async def test_rows_that_a_slow_sink_never_saw_are_not_missed_later(
    tmp_path: Path, shared_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deleted them while it waited; it reads past the gap, and its checkpoints say so."""
    monkeypatch.setattr(engine.checkpointing, "_CATCH_UP_LOOKS", 1)
    small = Place(tmp_path / "small", EngineSettings(background_bytes_max=64 << 10))
    await small.start()
    try:
        await small.run("create stream s (i int32, t string)")
        query = BackgroundQuery(SINK, ("select i, t from s",), "orders")
        await small.engine.start_background(query, ME)
        await _insert(small, *range(20), text="x" * 8_000)
        await small.run("delete from s where i > 2")
        await _deliver_all(small, 3)
        small.clock.advance(10_000)
        small.engine._checkpoints.look()
        await small.kill()
        found = await small.engine.background_states((SINK,))
        assert (found[SINK].status, found[SINK].message) == ("ExecutingPipeline", "")
    finally:
        await small.stop()


async def _deliver_all(place: Place, count: int) -> list[int]:
    """What the sink's reader gets until there is nothing more; `count` are due."""
    got: list[int] = []
    rows = place.engine.read_background(SINK)
    while True:
        try:
            piece = await asyncio.wait_for(anext(rows), 30 if len(got) < count else 0.3)
        except TimeoutError:
            return got
        got += [row[0] for row in json.loads(piece.payload)]
        await place.engine.advance(SINK, Position(piece.sn, piece.count - 1))
        await place.engine.settle()
