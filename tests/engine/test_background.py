"""Background queries over restarts: rows are kept for their reader, nothing lost or changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.config import EngineSettings
from engine.dead_letter import DeadLetter
from engine.errors import NotFound, SqlError, TailraceError, UserError
from engine.protocol import BackgroundQuery, BackgroundRows, Position
from tests.engine.place import Place
from tests.journeys.waiting import within
from tests.sql.virtual_engine import ME

pytestmark = pytest.mark.asyncio(loop_scope="module")

SINK = "sink:0c6e4a52-8f6d-4e6b-9a35-5d3f0a8c1b11"
ALERT = "alert:1d7e4a52-8f6d-4e6b-9a35-5d3f0a8c1b22"
HIDDEN = "_sink_0c6e4a528f6d4e6b9a355d3f0a8c1b11"
# So long is waited for a row that is due, and for one too many.
ROW_SECONDS, QUIET_SECONDS = 30, 0.3
LETTERS = "_dlq_orders_0c6e4a52"


async def start(place: Place, *queries: str, owner: str = SINK) -> Any:
    opened = await place.engine.start_background(BackgroundQuery(owner, queries, "orders"), ME)
    await place.engine.settle()
    return opened


async def pieces(place: Place, count: int, owner: str = SINK) -> list[BackgroundRows]:
    """Pieces of at least so many rows from the stored position on."""
    await place.engine.settle()
    found: list[BackgroundRows] = []
    rows: AsyncIterator[BackgroundRows] = place.engine.read_background(owner)
    try:
        while sum(each.count for each in found) < count:
            found.append(await asyncio.wait_for(anext(rows), ROW_SECONDS))
    except TimeoutError:
        raise AssertionError(f"only {found}") from None
    return found


async def rows(place: Place, count: int, owner: str = SINK) -> list[list[Any]]:
    return [row for each in await pieces(place, count, owner) for row in json.loads(each.payload)]


async def no_more_than(place: Place, count: int) -> list[list[Any]]:
    """So many rows from the stored position on, after which none comes."""
    found = await rows(place, count)
    reader = place.engine.read_background(SINK)
    seen = 0
    with contextlib.suppress(TimeoutError):
        while True:
            seen += (await asyncio.wait_for(anext(reader), QUIET_SECONDS)).count
            assert seen <= count
    return found


async def state(place: Place, owner: str = SINK) -> Any:
    return (await place.engine.background_states((owner,)))[owner]


async def test_rows_are_kept_until_the_reader_has_them(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    await place.run("insert into s (i, k) values (1, 'before')")
    opened = await start(place, "select i, k from s where i > 0")
    assert opened.stream == HIDDEN
    assert [(c.name, c.type) for c in opened.headers[0]] == [("i", "int32"), ("k", "string")]
    assert opened.analyses[0].is_streaming
    await place.run("insert into s (i, k) values (1, 'a')(-1, 'x')(2, 'b')")
    await place.run("insert into s (i, k) values (3, 'c')")
    found = await pieces(place, 3)
    assert [json.loads(each.payload) for each in found] == [[[1, "a"], [2, "b"]], [[3, "c"]]]
    assert [(f.query, f.sn, f.first_row, f.count) for f in found] == [(0, 0, 0, 2), (0, 1, 0, 1)]
    await place.engine.advance(SINK, Position(0, 0))
    assert await rows(place, 2) == [[2, "b"], [3, "c"]]
    await place.restart()
    assert await rows(place, 2) == [[2, "b"], [3, "c"]]
    await place.kill()
    await place.run("insert into s (i, k) values (4, 'd')")
    assert await rows(place, 3) == [[2, "b"], [3, "c"], [4, "d"]]
    await place.engine.advance(SINK, Position(1, 0))
    await place.engine.advance(SINK, Position(0, 1))  # that is behind, and changes nothing
    assert await place.engine.positions((SINK, ALERT)) == {SINK: Position(1, 0)}
    assert await rows(place, 1) == [[4, "d"]]


async def test_rows_come_live_to_a_reader_that_waits(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i, i / 0 as none, [i, 2] as many from s")
    reader = place.engine.read_background(SINK)
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0.05)
    await place.run("insert into s (i) values (7)")
    await place.engine.settle()
    async with within(5):
        got = await waiting
    assert json.loads(got.payload)[0][::2] == [7, [7, 2]]
    await place.engine.drop_background(SINK)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(reader), 5)
    with pytest.raises(NotFound):
        await anext(place.engine.read_background(SINK))


async def test_position_records_and_letters_are_one_commit(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i from s")
    await place.run("insert into s (i) values (1)(2)")
    await place.engine.settle()
    letter = DeadLetter('{"i":1}', "the receiver refused it", f"{HIDDEN} 0 0")
    await place.engine.advance(SINK, Position(0, 0), {"a": b"1", "b": b"2"}, (letter,))
    await place.engine.advance(SINK, Position(-1, -1), {"b": b"3"})
    await place.kill()
    assert await place.engine.saved((SINK, ALERT)) == {SINK: {"a": b"1", "b": b"3"}}
    assert await rows(place, 1) == [[2]]
    assert await place.rows(f"select raw, error, origin from table({LETTERS})") == [
        ['{"i":1}', "the receiver refused it", f"{HIDDEN} 0 0"]
    ]
    assert [LETTERS] in await place.rows("show streams")
    assert (await state(place)).dead_letter_stream == LETTERS
    with pytest.raises(UserError, match="does not exist yet"):
        await place.engine.advance(SINK, Position(9, 0))
    with pytest.raises(UserError, match="saved records"):
        await place.engine.advance(SINK, Position(), {"big": bytes(2 << 20)})
    await place.engine.drop_background(SINK)
    assert [LETTERS] not in await place.rows("show streams")
    await place.kill()
    assert await place.engine.saved((SINK,)) == {}
    assert place.engine.backgrounds.kept == 0


async def test_a_kill_between_the_step_and_the_advance_gives_the_same_rows_again(
    place: Place,
) -> None:
    await place.run("create stream s (i int32, k string)")
    await start(place, "select k, sum(i) as n from s group by k emit on update")
    for value in range(3):
        await place.run(f"insert into s (i, k) values ({value}, 'a')(10, 'b')")
        await place.engine.settle()
        before = await pieces(place, 2)
        await place.kill()
        assert await pieces(place, 2) == before
        await place.engine.advance(SINK, Position(value, 1))
        await place.kill()
    await place.run("insert into s (i, k) values (1, 'a')")
    assert await rows(place, 1) == [["a", 4]]


async def test_a_paused_one_stays_so_and_goes_on_where_it_was(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i from s")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.engine.pause_background(SINK)
    await place.engine.pause_background(SINK)
    await place.run("insert into s (i) values (2)")
    assert await no_more_than(place, 1) == [[1]]
    await place.restart()
    assert (await state(place)).status == "Paused"
    assert await no_more_than(place, 1) == [[1]]
    await start(place, "select i from s")
    assert (await state(place)).status == "ExecutingPipeline"
    assert await rows(place, 2) == [[1], [2]]


async def test_another_query_begins_anew(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i from s")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.engine.advance(SINK, Position(0, 0), {"a": b"1"}, (DeadLetter("r", "e", "o"),))
    with pytest.raises(SqlError):  # it changes nothing
        await start(place, "select nothing from s")
    assert await place.engine.positions((SINK,)) == {SINK: Position(0, 0)}
    reader = place.engine.read_background(SINK)
    waiting = asyncio.ensure_future(anext(reader, None))
    await asyncio.sleep(0.05)
    opened = await start(place, "select i * 2 as j, 'x' as x from s")
    async with within(5):
        assert await waiting is None
    assert [c.name for c in opened.headers[0]] == ["j", "x"]
    await place.run("insert into s (i) values (3)")
    assert await rows(place, 1) == [[6, "x"]]
    assert await place.engine.positions((SINK,)) == {SINK: Position()}
    assert await place.engine.saved((SINK,)) == {SINK: {}}
    assert await place.rows(f"select raw from table({LETTERS})") == [["r"]]  # these stay
    await place.kill()
    assert await rows(place, 1) == [[6, "x"]]
    # The same query does so when that is asked for.
    await place.engine.advance(SINK, Position(0, 0), {"a": b"1"})
    again = BackgroundQuery(SINK, ("select i * 2 as j, 'x' as x from s",), "orders", anew=True)
    await place.engine.start_background(again, ME)
    assert await place.engine.positions((SINK,)) == {SINK: Position()}
    assert await place.engine.saved((SINK,)) == {SINK: {}}
    assert await place.rows(f"select raw from table({LETTERS})") == [["r"]]


async def test_what_it_uses_is_not_taken_away(place: Place) -> None:
    await place.run("create stream s (i int32, j int32)")
    await place.run("create view v as select i from s")
    await place.run("create function f as (x) -> x + 1")
    await start(place, "select f(i) from v")
    for sql in (
        "drop view v",
        "drop stream s",
        "drop function f",
        "rename stream s to t",
        "alter stream s drop column i",
        "create or replace view v as select j as i from s",
    ):
        with pytest.raises(TailraceError) as caught:
            await place.run(sql)
        assert caught.value.code == 630, sql
        named = "view v" if sql == "drop stream s" or "column" in sql else SINK
        assert named in caught.value.message or SINK in caught.value.message, sql
    await place.run("alter stream s drop column j")
    await place.engine.drop_background(SINK)
    await place.engine.drop_background(SINK)
    await place.run("drop view v")


async def test_it_is_in_no_list_and_has_no_name_in_sql(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i from s")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    for what in ("streams", "views", "materialized views"):
        assert not [r for r in await place.rows(f"show {what}") if r[0].startswith("_")]
    assert [d.name for d in (await place.engine.definitions()).definitions] == ["s"]
    for sql in (f"select * from {HIDDEN}", f"drop view {HIDDEN}", f"describe {HIDDEN}",
                f"system pause materialized view {HIDDEN}",
                f"delete from {HIDDEN} where true"):  # fmt: skip
        with pytest.raises(TailraceError):
            await place.run(sql)
    assert (await place.engine.stats(HIDDEN)).row_count == 1
    saved = json.loads((place.folder / "catalog.json").read_text())
    assert [d["name"] for d in saved["definitions"].values()] == ["s"]


async def test_reconcile_drops_those_without_an_owner(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i from s")
    await start(place, "select i from s", "select i from s", owner=ALERT)
    await place.engine.reconcile({ALERT: ()})
    assert list(await place.engine.background_states((SINK, ALERT))) == [ALERT]
    await place.engine.reconcile({})
    await place.run("drop stream s")


async def test_rows_that_were_read_are_removed(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select i from s")
    for value in range(20):
        await place.run(f"insert into s (i) values ({value})")
        await place.engine.settle()
        if value == 9:
            await asyncio.to_thread(place.engine.seal)
    await place.engine.advance(SINK, Position(4, 0))
    assert (await rows(place, 15))[0] == [5]
    await place.engine.advance(SINK, Position(14, 0))
    assert (await place.engine.stats(HIDDEN)).row_count == 6  # the last that it has, and five
    await asyncio.to_thread(place.engine.seal)
    await place.kill()
    assert (await place.engine.stats(HIDDEN)).row_count == 6
    assert (await rows(place, 5))[0] == [15]


async def test_a_query_waits_for_a_reader_that_does_not_come(tmp_path: Any, place: Place) -> None:
    small = Place(tmp_path / "small", EngineSettings(background_bytes_max=64 << 10))
    await small.start()
    try:
        await small.run("create stream s (i int32, t string)")
        await start(small, "select i, t from s")
        for value in range(40):
            await small.run(f"insert into s (i, t) values ({value}, '{'x' * 8_000}')")
            await small.engine.settle()
        found = await state(small)
        assert (found.status, found.lagging > 20) == ("ExecutingPipeline", True)
        assert "background_bytes_max" in found.message
        got: list[int] = []
        while len(got) < 40:
            piece = (await pieces(small, 1))[0]
            got += [row[0] for row in json.loads(piece.payload)]
            await small.engine.advance(SINK, Position(piece.sn, piece.count - 1))
        assert got == list(range(40))
        assert (await state(small)).message == ""
    finally:
        await small.stop()


@pytest.mark.parametrize(
    ("queries", "says"),
    [
        ((), "one query"),
        (("select i from s",) * 3, "one query"),
        (("select count() from table(s)",), "for ever"),
        (("show streams",), "a SELECT"),
        (("insert into s select i from s",), "a SELECT"),
        (("select j from s",), "j"),
        (("select null as n from s",), "cast it"),
        (("select i from s settings recovery_policy='best_effort'",) * 2, "recovery_policy"),
    ],
)
async def test_what_cannot_run_is_refused(
    place: Place, queries: tuple[str, ...], says: str
) -> None:
    await place.run("create stream s (i int32)")
    with pytest.raises(UserError) as caught:
        await place.engine.check_background(queries)
    assert says in caught.value.message
    assert await place.engine.background_states((SINK,)) == {}


async def test_a_check_makes_nothing(place: Place) -> None:
    await place.run("create stream s (i int32)")
    checked = await place.engine.check_background(("select i, i as i from s", "select 1 from s"))
    assert checked.stream == ""
    assert [c.name for c in checked.headers[0]] == ["i", "i"]
    assert await place.engine.background_states((SINK,)) == {}
    await start(place, "select i, i as i from s")
    await place.run("insert into s (i) values (5)")
    assert await rows(place, 1) == [[5, 5]]


async def test_one_that_failed_goes_on_when_it_is_started(place: Place) -> None:
    await place.run("create stream s (i int32, t string)")
    await start(place, "select to_int32(t) as n from s")
    await place.run("insert into s (i, t) values (1, '1')(2, 'none')")
    await place.engine.settle()
    found = await state(place)
    assert found.status == "Error"
    assert found.message
    await start(place, "select to_int32(t) as n from s")  # from the same row on
    assert (await state(place)).status == "Error"
    await place.run("truncate stream s")
    await start(place, "select to_int32(t) as n from s")
    await place.run("insert into s (i, t) values (1, '7')")
    assert await rows(place, 1) == [[7]]


async def test_a_column_that_came_later_is_left_out(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await start(place, "select * from s")
    await place.run("alter stream s add column k string")
    await place.restart()
    await place.run("insert into s (i, k) values (1, 'new')")
    assert [row[0] for row in await rows(place, 1)] == [1]
    await start(place, "select * from s")
    assert len(json.loads((await pieces(place, 1))[0].payload)[0]) == 2


async def test_a_start_that_nobody_waits_for_is_done_all_the_same(place: Place) -> None:
    await place.run("create stream s (i int32)")
    for turns in range(12):
        asked = asyncio.ensure_future(start(place, "select i from s", f"select {turns} from s"))
        for _ in range(turns * 4):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await start(place, "select i from s", "select 0 from s")
        assert (await state(place)).status == "ExecutingPipeline"
    await place.run("insert into s (i) values (1)")
    assert await rows(place, 2) == [[1], [0]]
    await place.kill()
    assert await rows(place, 2) == [[1], [0]]


async def test_rows_at_which_it_fails_can_go_to_the_same_dead_letters(place: Place) -> None:
    await place.run("create stream s (t string)")
    await start(place, "select to_int32(t) as n from s settings enable_dlq=1")
    await place.run("insert into s (t) values ('1')('none')('3')")
    assert await rows(place, 2) == [[1], [3]]
    await place.engine.advance(SINK, Position(0, 1), letters=(DeadLetter("[3]", "no", "x"),))
    letters = await place.rows(f"select raw, origin from table({LETTERS})")
    assert [[letters[0][0][:11], letters[0][1]], letters[1]] == [
        ['{"t":"none"', "s 0 1"],
        ["[3]", "x"],
    ]
    found = await state(place)
    assert (found.left_out_rows, found.dead_letter_stream) == (1, LETTERS)
    await place.kill()
    assert await no_more_than(place, 0) == []
    assert len(await place.rows(f"select raw from table({LETTERS})")) == 2
