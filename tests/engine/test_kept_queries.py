"""Kept queries over restarts: who may go on with them, what they read once, what is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import engine.checkpointing
import engine.leaving
import engine.local
import engine.views
from engine.errors import TailraceError
from engine.protocol import Caller
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _code(place: Place, sql: str) -> int:
    with pytest.raises(TailraceError) as caught:
        await place.run(sql)
    return caught.value.code


async def test_only_who_subscribed_or_an_administrator_goes_on_with_it(place: Place) -> None:
    await place.run("create stream s (i int32)")
    reader = await place.engine.statement("subscribe to select i from s")
    query_id = reader.opened.id
    await reader.close()
    other = Caller("u2", "bob")
    for sql in (f"recover from '{query_id}'", f"unsubscribe to '{query_id}'"):
        with pytest.raises(TailraceError) as caught:
            await place.ask(sql, other)
        assert caught.value.code == 497
    mine = await place.ask(f"recover from '{query_id}'")
    await mine.close()
    await place.ask(f"unsubscribe to '{query_id}'", other, ("read", "others"))
    assert await _code(place, f"recover from '{query_id}'") == 2003


KEYED = (
    "create stream v (k string, n int32) primary key k settings mode='versioned_kv'",
    "insert into v (k, n) values ('a', 1)('b', 2)",
)


@pytest.mark.parametrize("gone", ["truncate stream v", "delete from v where k != 'z'"])
@pytest.mark.parametrize("width", [1, 100_000])
async def test_rows_that_were_there_at_the_start_do_not_change_before_a_checkpoint(
    place: Place, gone: str, width: int
) -> None:
    """The rows with which a view began are kept by itself, in its record or in a file."""
    for sql in KEYED:
        await place.run(sql)
    await place.run(f"insert into v (k, n) values ('{'w' * width}', 0)")
    await place.run("create materialized view mv as select k, n from v")
    await place.run("create stream s (k string)")
    await place.run(
        "create materialized view joined as select s.k as k, n from s join v on s.k=v.k"
    )
    await place.run(
        "create materialized view listed as select k from s where k in (select k from table(v))"
    )
    await place.engine.settle()
    await place.run(gone)
    await place.run("insert into v (k, n) values ('c', 30)")
    await place.run("insert into s (k) values ('a')('c')")
    await place.kill()
    assert await place.rows("select k, n from table(mv) order by k") == [
        ["a", 1],
        ["b", 2],
        ["c", 30],
        ["w" * width, 0],
    ]
    assert await place.rows("select k, n from table(joined)") == [["a", 1], ["c", 30]]
    assert await place.rows("select k from table(listed)") == [["a"]]
    answers = place.folder / "answers"
    assert len(list(answers.iterdir())) == (3 if width > 1 else 0)
    for name in ("mv", "joined", "listed"):
        await place.run(f"drop view {name}")
    assert not list(answers.iterdir())


async def test_a_snapshot_goes_when_all_checkpoints_hold_what_was_made_of_it(place: Place) -> None:
    for sql in KEYED:
        await place.run(sql)
    await place.run(f"insert into v (k, n) values ('{'w' * 100_000}', 0)")
    await place.run(
        "create materialized view mv as select sum(n) as n, max(k) as k from v emit on update"
    )
    await place.engine.settle()
    answers = place.folder / "answers"
    for number in range(3):
        assert len(list(answers.iterdir())) == 1
        await place.run(f"insert into v (k, n) values ('k{number}', 1)")
        await place.engine.settle()
        view = place.engine._catalog.require("mv")
        place.engine._checkpoints.take_now(view.id)
    assert not list(answers.iterdir())
    await place.run("truncate stream v")
    await place.kill()
    await place.run("insert into v (k, n) values ('z', 10)")
    await place.engine.settle()
    assert (await place.rows("select n from table(mv)"))[-1] == [16]


@pytest.mark.parametrize("query", ["select i from s", "select row_number() as i from s"])
async def test_a_kill_between_the_parts_of_a_wide_append_loses_and_doubles_nothing(
    place: Place, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append above 10k rows is read in parts, each a step; they may not be durable together."""
    monkeypatch.setattr(engine.views, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(engine.checkpointing, "_SETTLE_SECONDS", 0.2)
    await place.run("create stream s (i int64)")
    await place.run(f"create materialized view mv as {query}")
    await place.engine.settle()
    view = place.engine._views._views[place.engine._catalog.require("mv").id]
    assert view.writer is not None
    submit, parts = view.writer._submit_records, 0

    def some(records: Any, done: Any) -> None:
        nonlocal parts
        parts += 1
        if parts == 1:
            submit(records, done)

    view.writer._submit_records = some
    await place.run("insert into s (i) select number from numbers(45000)")
    place.engine._flow.step()
    await asyncio.to_thread(view.writer.settle, 0.2)
    assert parts > 1, "the first part is durable, the others are not"
    await place.kill()
    assert await place.rows("select count(), count_distinct(i) from table(mv)") == [
        [45_000, 45_000]
    ]


async def _settled(place: Place) -> None:
    """A view that fails is started again by a task of the loop."""
    for _ in range(200):
        await place.engine.settle()
        await asyncio.sleep(0)
        if not place.engine._views._restarting and not place.engine.step_flow():
            return


@pytest.mark.parametrize(
    "query",
    [
        "select to_int32(k) as n from s",  # in the scan's own statement
        "select to_int32(l) as n from (select k as l, row_number() as r from s)",  # above state
    ],
)
async def test_only_the_rows_at_which_a_view_fails_go_to_its_dead_letter_stream(
    place: Place, query: str
) -> None:
    await place.run("create stream s (k string)")
    await place.run(f"create materialized view mv as {query} settings enable_dlq=1")
    view = place.engine._catalog.require("mv")
    letters = f"_dlq_mv_{view.id[:8]}"
    values = "".join(f"('{n}')" if n % 40 else f"('bad{n}')" for n in range(1, 101))
    await place.run(f"insert into s (k) values {values}")
    await place.run("insert into s (k) values ('worse')")
    await place.run("insert into s (k) values ('7')")
    await _settled(place)
    assert place.engine._views.status(view.id) == ("ExecutingPipeline", "")
    good = [[n] for n in range(1, 101) if n % 40]
    assert await place.rows("select n from table(mv)") == [*good, [7]]
    found = await place.rows(f"select raw:k, origin, error != '' from table({letters})")
    assert found == [["bad40", "s 0 39", True], ["bad80", "s 0 79", True], ["worse", "s 1 0", True]]
    await place.kill()
    await place.run("insert into s (k) values ('8')('again')")
    await _settled(place)
    assert await place.rows("select n from table(mv)") == [*good, [7], [8]]
    assert len(await place.rows(f"select raw from table({letters})")) == 4
    (shown,) = [d for d in (await place.engine.definitions()).definitions if d.name == "mv"]
    assert shown.options["left_out_rows"] == 4
    assert shown.options["dead_letter_stream"] == letters
    for sql in (
        f"insert into {letters} (raw) values ('mine')",
        f"drop stream {letters}",
        f"rename stream {letters} to mine",
        f"create materialized view w into {letters} as select k as raw from s",
        "create stream _dlq_mine (i int32)",
    ):
        assert await _code(place, sql) == 36
    await place.run(f"delete from {letters} where raw != ''")
    await place.run("drop view mv")
    assert place.engine._catalog.get(letters) is None


async def test_a_failure_that_no_row_made_stops_a_view_that_leaves_out_rows(place: Place) -> None:
    await place.run("create stream s (k string)")
    await place.run(
        "create materialized view mv as select to_int32(max(k)) as n from s emit periodic 1s "
        "settings recovery_policy='best_effort'"
    )
    await place.run("insert into s (k) values ('none')")
    await place.engine.wait(2_000)
    await _settled(place)
    view = place.engine._catalog.require("mv")
    assert place.engine._views.status(view.id)[0] == "Error"


@pytest.mark.parametrize("mode", ["", " primary key i settings mode='versioned_kv'"])
@pytest.mark.parametrize("gone", ["truncate stream s", "delete from s where i = 3"])
@pytest.mark.parametrize(("seek", "sums"), [("earliest", [1, 8, 16]), ("latest", [1, 9])])
async def test_a_view_whose_next_rows_were_removed_asks_where_it_goes_on(
    place: Place, mode: str, gone: str, seek: str, sums: list[int]
) -> None:
    await place.run(f"create stream s (i int32){mode}")
    await place.run("insert into s (i) values (0)")
    await place.run("create materialized view mv as select sum(i) as n from s emit on update")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    view = place.engine._catalog.require("mv")
    await place.run("system pause materialized view mv")
    for value in (3, 7) if gone.startswith("delete") else (3,):
        await place.run(f"insert into s (i) values ({value})")
    await place.run(gone)
    if gone.startswith("truncate"):
        await place.run("insert into s (i) values (7)")
    await place.run("system resume materialized view mv")
    await place.engine.settle()
    status, message = place.engine._views.status(view.id)
    assert status == "Error" and message.startswith("offset expired: rows of s from append 2 on")
    await place.kill()
    assert place.engine._views.status(view.id)[0] == "Error"
    await place.run(f"system recover materialized view mv settings seek_to='{seek}'")
    await place.engine.settle()
    assert place.engine._views.status(view.id) == ("ExecutingPipeline", "")
    await place.kill()
    await place.run("insert into s (i) values (8)")
    await place.engine.settle()
    found = [n for (n,) in await place.rows("select n from table(mv)")]
    assert [n for n in found if n] == sums


async def test_rows_that_a_view_had_read_may_go_while_it_is_paused(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select sum(i) as n from s emit on update")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.run("system pause materialized view mv")
    await place.run("delete from s where i = 1")
    await place.run("insert into s (i) values (2)")
    await place.run("delete from s where i = 1")
    await place.restart()
    await place.run("system resume materialized view mv")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[1], [3]]


@pytest.mark.parametrize("gone", ["truncate stream s", "delete from s where i < 9"])
async def test_rows_that_a_running_view_has_read_may_go_before_a_kill(
    place: Place, gone: str
) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select sum(i) as n from s emit on update")
    for value in (1, 2):
        await place.run(f"insert into s (i) values ({value})")
        await place.engine.settle()
    await place.run(gone)
    await place.kill()
    await place.run("insert into s (i) values (4)")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[1], [3], [7]]


async def test_a_changelog_target_needs_the_weight_of_every_row(place: Place) -> None:
    await place.run("create stream s (k string, i int32)")
    await place.run(
        "create stream c (k string, n int64) primary key k settings mode='changelog_kv'"
    )
    await place.run(
        "create stream v (k string, n int64) primary key k settings mode='versioned_kv'"
    )
    sums = "select k, sum(i) as n from s group by k emit"
    assert await _code(place, f"create materialized view a into c as {sums} on update") == 80
    assert await _code(place, "create materialized view b into c as select k, i as n from s") == 80
    await place.run(f"create materialized view d into v as {sums} on update")
    await place.run(
        "create materialized view e into c as select k, sum(i) as n, _tp_delta from s group by k "
        "emit changelog periodic 1s"
    )
    await place.run("insert into s (k, i) values ('x', 1)('y', 2)")
    await place.engine.wait(1_500)
    await place.run("insert into s (k, i) values ('x', 4)")
    await place.engine.wait(1_500)
    for name in ("c", "v"):
        found = await place.rows(f"select k, n from table({name}) order by k")
        assert found == [["x", 5], ["y", 2]], name


async def test_a_view_goes_on_over_truncate_rename_and_drop_of_its_target(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create stream t (n int64)")
    await place.run(
        "create materialized view mv into t as select sum(i) as n from s emit on update"
    )
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.run("truncate stream t")
    await place.kill()
    assert await place.rows("select n from table(t)") == []
    await place.run("insert into s (i) values (2)")
    await place.engine.settle()
    await place.kill()
    assert await place.rows("select n from table(t)") == [[3]]
    assert await _code(place, "rename stream t to u") == 630
    assert await _code(place, "drop stream t") == 630
    await place.run("drop stream t settings enable_dependency_check=false")
    await place.run("insert into s (i) values (3)")
    await _settled(place)
    view = place.engine._catalog.require("mv")
    assert place.engine._views.status(view.id)[0] == "Error"
    await place.kill()
    assert place.engine._views.status(view.id)[0] == "Error"


async def test_a_planned_stop_replays_nothing_and_a_damaged_checkpoint_is_passed_over(
    place: Place,
) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select sum(i) as n from s emit on update")
    view = place.engine._catalog.require("mv")
    for value in (1, 2, 4):
        await place.run(f"insert into s (i) values ({value})")
        await place.engine.settle()
        place.engine._checkpoints.take_now(view.id)
    await place.engine.close()
    kept = place.engine._checkpoints.book.get(view.id)
    newest = place.engine._checkpoints.store.newest(view.id)
    assert kept is not None and newest is not None
    assert newest.step == kept.next_number - 1, "no step is left to run again"
    files = sorted((place.folder / "checkpoints").glob("*/state-*.bin"))
    damaged = bytearray(files[-1].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    files[-1].write_bytes(damaged)
    await place.start()
    await place.run("insert into s (i) values (8)")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[1], [3], [7], [15]]


async def test_a_view_stops_when_its_dead_letter_stream_is_full(place: Place) -> None:
    await place.run("create stream s (k string)")
    await place.run(
        "create materialized view mv as select to_int32(k) as n from s settings enable_dlq=1"
    )
    view = place.engine._catalog.require("mv")
    await place.engine._views.check_letters()
    assert place.engine._views.status(view.id)[0] == "ExecutingPipeline"
    place.engine._views.letters_bytes_max = 10
    await place.run("insert into s (k) values ('bad')")
    await _settled(place)
    await place.engine._views.check_letters()
    status, message = place.engine._views.status(view.id)
    assert status == "Error" and "_dlq_mv" in message
    place.engine._views.letters_bytes_max = 1 << 30
    await place.run("insert into s (k) values ('7')")
    await place.run("system recover materialized view mv")
    await _settled(place)
    assert await place.rows("select n from table(mv)") == [[7]]


async def test_a_step_that_is_dear_to_search_takes_less_and_the_rest_follows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.leaving, "SEARCH_SECONDS", -1.0)  # every bad row ends a step
    await place.run("create stream s (k string)")
    await place.run(
        "create materialized view mv as select to_int32(k) as n from s "
        "settings recovery_policy='best_effort'"
    )
    values = [f"('{n}')" if n % 5 else "('bad')" for n in range(40)]
    for part in (values[:25], values[25:27], values[27:]):
        await place.run(f"insert into s (k) values {''.join(part)}")
    await _settled(place)
    good = [[n] for n in range(40) if n % 5]
    assert await place.rows("select n from table(mv)") == good
    await place.kill()
    await place.run("insert into s (k) values ('41')('bad')('42')")
    await _settled(place)
    assert await place.rows("select n from table(mv)") == [*good, [41], [42]]
    assert place.engine._checkpoints.book.left_out(place.engine._catalog.require("mv").id) == 9
