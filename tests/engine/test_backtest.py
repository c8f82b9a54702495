"""An alert over the past: what its queries would have given equals what they gave."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import pairwise
from typing import Any

import pytest

from engine import backtest
from engine.errors import Code, SqlError, UserError
from engine.protocol import BackgroundQuery
from tests.engine.place import Place
from tests.engine.test_external_readers import EXT
from tests.sql.virtual_engine import ME

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = "alert:1d7e4a52-8f6d-4e6b-9a35-5d3f0a8c1b23"
# So long is waited for a row that is due, and after the last one for one too many.
ROW_SECONDS, QUIET_SECONDS = 30, 0.2
MINUTE = 60_000


async def watched(place: Place, queries: tuple[str, ...]) -> str:
    """Start it for good; the stream that keeps its rows."""
    opened = await place.engine.start_background(BackgroundQuery(OWNER, queries, "hot"), ME)
    await place.engine.settle()
    return opened.stream


async def given(place: Place, kept: str) -> list[list[Any]]:
    """The first rows of each run of one query that the running one gave, after its number."""
    await place.engine.settle()
    due = (await place.engine.stats(kept)).row_count
    assert due, "it gave nothing"
    rows = place.engine.read_background(OWNER)
    got: list[list[Any]] = []
    try:
        while True:
            piece = await asyncio.wait_for(anext(rows), ROW_SECONDS if due > 0 else QUIET_SECONDS)
            due -= piece.count
            for row in json.loads(piece.payload):
                if not got or got[-1][0] != piece.query:
                    got.append([piece.query, *row])
    except TimeoutError:
        return got


async def backtested(place: Place, queries: tuple[str, ...], minutes: int) -> list[list[Any]]:
    """The same of the test."""
    found = await place.engine.backtest_background(queries, minutes)
    assert not found.truncated
    return [[each.query, *json.loads(each.row)] for each in found.rows]


PAIRS = [
    ("select i from s where i > 0", "select i from s where i < 0"),
    (
        "select window_end, sum(i) as m from tumble(s, t, 10s) group by window_end having m > 0",
        "select window_end, sum(i) as m from tumble(s, t, 10s) group by window_end having m < 0",
    ),
    (
        "select count() as n from s where i > 0 emit periodic 5s",
        "select count() as n from s where i < 0 emit periodic 7s",
    ),
    (
        "select s.i, k.v from s join o as k on s.i = k.v and date_diff_within(30s)",
        "select v from o where v < 0",
    ),
    ("select i from s where i > (select max(v) from table(o)) - 1000000",),
    ("select k, v from kv where v > 3", "select k, v from kv where v < -3"),
    (
        "select s.i, kv.v from s join kv on s.i = kv.k where kv.v > 0",
        "select s.i, kv.v from s join kv on s.i = kv.k where kv.v < 0",
    ),
    ("select i, lag(i) as before from s where i > before", "select i from s where i % 2 = 0"),
]


@pytest.mark.turns(2)
@pytest.mark.parametrize("queries", PAIRS)
async def test_it_gives_what_the_running_one_gave(place: Place, queries: tuple[str, ...]) -> None:
    rng = random.Random(str(queries))
    await place.run("create stream s (i int32, t datetime64(3, 'UTC'))")
    await place.run("create stream o (v int32)")
    await place.run(
        "create stream kv (k int32, v int32) primary key k settings mode='versioned_kv'"
    )
    await place.run("insert into o (v) values (1)")
    await place.run("insert into kv (k, v) values (1, 9) (2, 1) (2, -9)")
    # Rows of before: neither has them.
    await place.run("insert into s (i, t) values (5, now64(3)) (-5, now64(3))")
    place.clock.advance(5 * MINUTE)
    begun = place.clock.now_ms()
    kept = await watched(place, queries)
    for turn in range(24):
        count = rng.randint(1, 4)
        rows = "".join(
            f"({rng.choice((-1, 1)) * rng.randint(1, 9)}, now64(3))" for _ in range(count)
        )
        await place.run(f"insert into s (i, t) values {rows}")
        if rng.random() < 0.4:
            await place.run(f"insert into o (v) values ({rng.randint(-9, 9)})")
        if rng.random() < 0.4 and "kv" in queries[0]:
            row = f"({rng.randint(-9, 9)}, {rng.randint(-9, 9)})"
            await place.run(f"insert into kv (k, v) values {row}")
        await place.engine.settle()
        await place.engine.wait(rng.choice((7, 300, 4_000, 11_000)))
        if turn in (9, 17):
            place.engine.seal()
    await place.engine.wait((begun - place.clock.now_ms()) % MINUTE)
    ran = await given(place, kept)
    assert len(ran) > len(queries) - 1, "the case tells nothing"
    minutes = (place.clock.now_ms() - begun) // MINUTE
    assert await backtested(place, queries, minutes) == ran
    place.engine.seal()
    assert await backtested(place, queries, minutes) == ran
    # Nothing of it is left: the running one goes on as it was.
    assert await given(place, kept) == ran


async def test_bad_sql_is_refused_as_at_creation(place: Place) -> None:
    await place.run("create stream s (i int32)")
    for sql in ("select j from s", "selec i from s", "select i from table(s)"):
        with pytest.raises(SqlError):
            await place.engine.backtest_background((sql,), 5)
    await place.run(EXT)
    for sql in (
        "select i from ext",
        "select s.i from s join ext on s.i = ext.i and date_diff_within(5s)",
    ):
        for queries in ((sql,), ("select i from s", sql)):
            with pytest.raises(SqlError, match="materialized view") as caught:
                await place.engine.backtest_background(queries, 5)
            assert caught.value.code == Code.NOT_IMPLEMENTED
    for minutes in (0, 1441):
        with pytest.raises(UserError, match="1 to 1440"):
            await place.engine.backtest_background(("select i from s",), minutes)


async def test_it_is_bounded_in_rows_and_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.run("create stream s (i int32)")
    for value in range(60):
        place.clock.advance(1_000)
        await place.run(f"insert into s (i) values ({value % 2})")
    queries = ("select i from s where i = 1", "select i from s where i = 0")
    monkeypatch.setattr(backtest, "ROWS_MAX", 5)
    found = await place.engine.backtest_background(queries, 5)
    assert (len(found.rows), found.rows_max, found.truncated) == (5, 5, True)
    assert [each.query for each in found.rows] == [1, 0, 1, 0, 1]
    assert [b.time_ms - a.time_ms for a, b in pairwise(found.rows)] == [1_000] * 4
    assert 5 <= found.scanned_rows < 60, "it ended there"
    monkeypatch.setattr(backtest, "ROWS_MAX", 1_000)
    monkeypatch.setattr(backtest, "SECONDS_MAX", 0.02)
    with pytest.raises(UserError, match=r"took longer than 0\.02 s") as error:
        await place.engine.backtest_background(queries, 5)
    assert error.value.code == 159
    monkeypatch.setattr(backtest, "SECONDS_MAX", 30.0)
    found = await place.engine.backtest_background(queries, 5)
    assert (len(found.rows), found.scanned_rows, found.truncated) == (60, 2 * 60, False)


async def test_a_seek_goes_back_from_its_begin(place: Place) -> None:
    await place.run("create stream s (i int32)")
    for value in (1, 2):
        await place.run(f"insert into s (i) values ({value})")
        place.clock.advance(10 * MINUTE)
    assert await backtested(place, ("select i from s",), 5) == []
    assert await backtested(place, ("select i from s",), 15) == [[0, 2]]
    earliest = "select i from s settings seek_to = 'earliest'"
    assert await backtested(place, (earliest,), 5) == [[0, 1]]
