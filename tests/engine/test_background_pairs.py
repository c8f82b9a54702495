"""Trigger and resolve of an alert: rows of both come in the order of what they read."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from engine.protocol import BackgroundQuery, IngestRequest, Position
from tests.engine.place import Place
from tests.sql.virtual_engine import ME

pytestmark = pytest.mark.asyncio(loop_scope="module")

# So long is waited for a row that is due, and after the last one for one too many.
ROW_SECONDS, QUIET_SECONDS = 30, 0.2
OWNER = "alert:1d7e4a52-8f6d-4e6b-9a35-5d3f0a8c1b22"
PLAIN = ("select i from s where i > 0", "select i from s where i < 0")


async def start(place: Place, *queries: str) -> None:
    await place.engine.start_background(BackgroundQuery(OWNER, queries, "hot"), ME)
    await place.engine.settle()


async def found(place: Place, count: int) -> list[list[int]]:
    """The rows that are kept now, each after the number of its query; `count` are due."""
    await place.engine.settle()
    rows = place.engine.read_background(OWNER)
    got: list[list[int]] = []
    try:
        while True:
            seconds = ROW_SECONDS if len(got) < count else QUIET_SECONDS
            piece = await asyncio.wait_for(anext(rows), seconds)
            got += [[piece.query, *row] for row in json.loads(piece.payload)]
    except TimeoutError:
        return got


async def expect(place: Place, due: list[list[int]]) -> None:
    """These rows, in this order, and no other."""
    assert await found(place, len(due)) == due


async def insert(place: Place, *values: int) -> None:
    await place.run("insert into s (i) values " + "".join(f"({value})" for value in values))


def expected(*values: int) -> list[list[int]]:
    return [[int(value < 0), value] for value in values if value]


async def test_rows_of_one_append_come_in_its_order(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, *PLAIN)
    await insert(place, -1, 2, 0, 3, -4, -5, 6)
    await expect(place, expected(-1, 2, 0, 3, -4, -5, 6))
    piece = await anext(place.engine.read_background(OWNER))
    assert (piece.query, piece.sn, piece.first_row, piece.count) == (1, 0, 0, 1)
    await place.engine.advance(OWNER, Position(0, 2), {"instance": b"{}"})
    await place.kill()
    await expect(place, expected(-4, -5, 6))
    assert await place.engine.saved((OWNER,)) == {OWNER: {"instance": b"{}"}}


@pytest.mark.parametrize(
    "pair",
    [
        PLAIN,
        (
            "select lag(i) + i - lag(i) as j from s where i > 0 settings max_hot_keys=10",
            "select i from (select i, i * 2 as k from s) where k < 0",
        ),
        ("select i from s where i > 0", "select distinct i from s where i < 0"),
        ("select i from tumble(s, 1h) where i > 0", PLAIN[1]),
        ("select i from s where i > 0 union all select i from s where i > 10000", PLAIN[1]),
        (
            "select a.i from s as a inner join s as b on a.i = b.i and date_diff_within(1m) "
            "where a.i > 0",
            PLAIN[1],
        ),
        (
            "select max(i) from s where i > 0 group by i emit on update",
            "select i from s where i < 0",
        ),
    ],
)
async def test_no_row_overtakes_another_whenever_the_engine_dies(
    place: Place, pair: tuple[str, str]
) -> None:
    rng = random.Random(str(pair))
    await place.run("create stream s (i int32)")
    await start(place, *pair)
    given: list[int] = []
    alone = "max" in pair[0] or "join" in pair[0]  # its rows come after their append
    for turn in range(24):
        size = 1 if alone else rng.randint(1, 6)
        values = [rng.choice((-1, 1)) * (turn * 10 + at + 1) for at in range(size)]
        await insert(place, *values)
        given += values
        happens = rng.randint(0, 6)
        if happens == 0:
            await place.kill()
        elif happens == 1:
            await place.restart()
        elif happens == 2:
            await place.engine.settle()
        elif happens == 3:
            await place.engine.pause_background(OWNER)
        elif happens == 4:
            await start(place, *pair)
        elif happens == 5:
            place.engine.step_flow()
    await start(place, *pair)
    await expect(place, expected(*given))


async def test_windows_that_one_append_closes_come_by_their_ends(place: Place) -> None:
    await place.run("create stream s (i int32, t datetime64(3, 'UTC'))")
    query = "select max(i) as i from tumble(s, t, 1s) group by window_start having i {} 0"
    await start(place, query.format(">"), query.format("<"))
    values = [5, -6, 7, 8, -9, 1]
    rows = "".join(f"({v}, '2026-01-01 00:00:0{at}')" for at, v in enumerate(values))
    await place.run(f"insert into s (i, t) values {rows}")
    await expect(place, expected(*values[:-1]))
    await place.kill()
    await expect(place, expected(*values[:-1]))


async def test_windows_of_many_appends_come_by_their_ends_whenever_they_are_read(
    place: Place,
) -> None:
    await place.run("create stream s (i int32, t datetime64(3, 'UTC'))")
    query = "select max(i) as i from tumble(s, t, 1s) group by window_start having i {} 0"
    await start(place, query.format(">"), query.format("<"))
    values = [(-1 if at % 3 else 1) * (at + 1) for at in range(50)]
    for at, value in enumerate(values):
        await place.run(f"insert into s (i, t) values ({value}, '2026-01-01 00:00:{at:02}')")
        if at == 20:
            await place.engine.pause_background(OWNER)
        if at == 40:
            await place.kill()
    await start(place, query.format(">"), query.format("<"))
    await expect(place, expected(*values[:-1]))


async def test_different_streams_go_in_the_order_of_the_log(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create stream r (i int32)")
    await start(place, "select i from s", "select -i as i from r")
    await insert(place, 1, 2)
    await place.run("insert into r (i) values (3)")
    await insert(place, 4)
    await expect(place, expected(1, 2, -3, 4))
    await place.engine.pause_background(OWNER)
    for at in range(5, 11):  # in order also when it reads them from the past
        place.clock.advance(10)
        await place.run(f"insert into {'rs'[at % 2]} (i) values ({at})")
    await start(place, "select i from s", "select -i as i from r")
    after = [at if at % 2 else -at for at in range(5, 11)]
    await expect(place, expected(1, 2, -3, 4, *after))


async def test_a_large_append_comes_in_slices_and_in_order(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, *PLAIN)
    values = [(-1 if at % 3 == 0 else 1) * (at + 1) for at in range(12_000)]
    body = json.dumps({"columns": ["i"], "data": [[value] for value in values]}).encode()
    await place.engine.ingest(IngestRequest("s", "compact"), body)
    await expect(place, expected(*values))
    await place.engine.pause_background(OWNER)
    await place.engine.ingest(IngestRequest("s", "compact"), body)
    await start(place, *PLAIN)
    await expect(place, expected(*values, *values))


@pytest.mark.parametrize("ends", [0, 1])
async def test_a_query_that_ends_leaves_the_other_running(place: Place, ends: int) -> None:
    await place.run("create stream s (i int32)")
    await start(place, *(f"{sql} limit 1" if at == ends else sql for at, sql in enumerate(PLAIN)))
    await insert(place, -1, 2, 3, -4)
    await insert(place, 5, -6)
    left = [(-1, 2, -4, -6), (-1, 2, 3, 5)][ends]
    await expect(place, expected(*left))
    await place.kill()
    await insert(place, 7, -8)
    await expect(place, expected(*left, (-8, 7)[ends]))


async def test_texts_and_numbers_of_both_keep_their_columns(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    await start(
        place, "select k, i as query, i from s where i > 0", "select i, _tp_time from s where i < 0"
    )
    await place.run("insert into s (i, k) values (1, 'a')(-2, 'b')")
    rows = place.engine.read_background(OWNER)
    await place.engine.settle()
    one, two = await anext(rows), await anext(rows)
    assert json.loads(one.payload) == [["a", 1, 1]]
    assert json.loads(two.payload)[0][0] == -2
    assert (one.event_time_ms, two.event_time_ms) == (0, place.clock.now_ms())


@pytest.mark.parametrize(
    ("made", "source"),
    [
        ("create stream s (i int32) primary key i settings mode='versioned_kv'", "s"),
        ("create stream s (i int32) primary key i settings mode='changelog_kv'", "s"),
        ("create stream s (i int32)", "changelog(s, i)"),
    ],
)
async def test_rows_of_keyed_streams_keep_their_order(place: Place, made: str, source: str) -> None:
    await place.run(made)
    await start(
        place,
        f"select i, _tp_delta from {source} where i > 0",
        f"select i, _tp_delta from {source} where i < 0",
    )
    await insert(place, -1, 2, -3, 4)
    await insert(place, 5, -6, 7)
    await place.engine.settle()
    await place.kill()
    await insert(place, -8, 9, -10)
    got = await found(place, 10)
    assert [row[:2] for row in got] == expected(-1, 2, -3, 4, 5, -6, 7, -8, 9, -10)
    assert {row[2] for row in got} == {1}
