"""Materialized views over restarts: nothing lost, nothing twice, whenever the engine dies."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from engine.errors import TailraceError
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_view_goes_on_after_a_restart_where_it_was(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    await place.run("create materialized view mv as select i, k from s where i > 0")
    await place.run("insert into s (i, k) values (1, 'a')(-1, 'a')")
    await place.engine.settle()
    await place.restart()
    await place.run("insert into s (i, k) values (2, 'b')")
    await place.engine.settle()
    assert await place.rows("select i, k from table(mv)") == [[1, "a"], [2, "b"]]


async def test_rows_that_came_while_a_view_was_down_are_not_lost(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select i from s")
    await place.run("insert into s (i) values (1)")  # no step has run when the engine dies
    await place.kill()
    assert await place.rows("select i from table(mv)") == [[1]]
    await place.kill()
    assert await place.rows("select i from table(mv)") == [[1]]


async def test_an_aggregate_goes_on_with_its_state(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    await place.run(
        "create materialized view mv as select k, sum(i) as n from s group by k emit on update"
    )
    for value in range(3):
        await place.run(f"insert into s (i, k) values ({value}, 'a')(10, 'b')")
        await place.engine.settle()
        await place.kill()
    rows = await place.rows("select k, n from table(mv)")
    assert rows == [["a", 0], ["b", 10], ["a", 1], ["b", 20], ["a", 3], ["b", 30]]


async def test_every_append_of_a_source_is_an_append_of_a_flat_view(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select i from s where i > 1")
    for values in ("(2)(3)", "(1)", "(4)(0)"):
        await place.run(f"insert into s (i) values {values}")
    await place.engine.settle()  # in one step
    assert await place.rows("select i, _tp_sn from table(mv)") == [[2, 0], [3, 0], [4, 1]]


async def test_timers_run_again_at_the_same_instants(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run(
        "create materialized view mv as select count() as n, max(i) as m from s emit periodic 2s"
    )
    await place.run("insert into s (i) values (1)")
    await place.engine.wait(2_500)
    await place.kill()
    await place.run("insert into s (i) values (7)")
    await place.engine.wait(4_000)
    await place.kill()
    assert await place.rows("select n, m from table(mv)") == [[1, 1], [2, 7]]


async def test_a_subscription_goes_on_after_the_last_row_that_its_reader_has(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    reader = await place.engine.statement(
        "subscribe to select k, sum(i) from s group by k emit on update "
        "settings checkpoint_interval=1"
    )
    await place.run("insert into s (i, k) values (1, 'a')")
    await place.engine.settle()
    assert reader.rows() == [["a", 1]]
    query_id = reader.opened.id
    await reader.close()
    await place.run("insert into s (i, k) values (2, 'a')")
    again = await place.engine.statement(f"recover from '{query_id}'")
    assert again.opened.id == query_id
    await place.engine.settle()
    assert again.rows() == [["a", 3]]
    with pytest.raises(TailraceError) as caught:
        await place.engine.statement(f"recover from '{query_id}'")
    assert caught.value.code == 36
    await again.close()
    await place.engine.settle()
    await place.kill()
    await place.run("insert into s (i, k) values (4, 'a')")
    third = await place.engine.statement(f"recover from '{query_id}'")
    await place.engine.settle()
    assert third.rows() == [["a", 7]]
    await third.close()
    await place.run(f"unsubscribe to '{query_id}'")
    for sql in (f"recover from '{query_id}'", f"unsubscribe to '{query_id}'"):
        with pytest.raises(TailraceError) as caught:
            await place.engine.statement(sql)
        assert caught.value.code == 2003


@pytest.mark.parametrize(
    ("made", "replaced", "name"),
    [
        (
            "create view used as select k, i * 2 as j from s",
            "create or replace view used as select k, i * 100 as j from s",
            "view used",
        ),
        (
            "create function used as (x) -> x * 2",
            "create or replace function used as (x) -> x * 100",
            "function used",
        ),
    ],
)
async def test_steps_are_not_repeated_with_another_text(
    place: Place, made: str, replaced: str, name: str
) -> None:
    await place.run("create stream s (i int32, k string)")
    await place.run(made)
    source = "used(i)" if "function" in made else "j"
    stream = "s" if "function" in made else "used"
    reader = await place.engine.statement(
        f"subscribe to select sum({source}) from {stream} emit on update"
    )
    await place.run("insert into s (i, k) values (1, 'a')")
    await place.engine.settle()
    assert reader.rows() == [[2]]
    query_id = reader.opened.id
    await reader.close()
    await place.run(made.replace("create", "create or replace"))  # the same text: nothing changed
    again = await place.engine.statement(f"recover from '{query_id}'")
    await again.close()
    await place.run(replaced)
    await place.kill()
    with pytest.raises(TailraceError, match=f"{name} was replaced since it began") as caught:
        await place.engine.statement(f"recover from '{query_id}'")
    assert caught.value.code == 2003
    await place.run(f"unsubscribe to '{query_id}'")


QUERIES = {
    "flat": "select i, k from s where i % 3 != 0",
    "on update": "select k, sum(i) as n, max(i) as m from s group by k emit on update",
    "distinct": "select count_distinct(i) as d, group_uniq_array(k) as ks from s emit on update",
    "tumble": (
        "select k, count() as n, window_start as ws from tumble(s, t, 5s) group by k, window_start"
    ),
    "hop": "select sum(i) as n, window_end as we from hop(s, t, 2s, 4s) group by window_end",
    "session": "select sum(i) as n, window_end as we from session(s, t, 1s) group by window_end",
    "versions": "select emit_version() as v, k, count() as n from s group by k emit on update",
    "limit by": "select i, k from s limit 1 by k",
    "lag": "select i, lag(i) as before from s",
    "dedup": "select i, k from dedup(s, k)",
    "keyed": "select k, n from v",
    "keyed aggregate": "select sum(n) as total, max(n) as most, count() as c from v emit on update",
    "enriched": "select i, s.k as k, n from s inner join v on s.k = v.k",
    "left joined": "select i, s.k as k, n from s left join v on s.k = v.k",
    "with a table": "select i, s.k as k, n from s inner join table(v) as v on s.k = v.k",
    "ranged": (
        "select s.i as i, r.i as other from s inner join r on s.k = r.k "
        "and date_diff_within(2s, s.t, r.t)"
    ),
    "changes": "select sum(i) as n, k, _tp_delta from s group by k emit changelog periodic 1s",
}
# Rows of several streams meet in the order of the log while the engine runs; what came while it
# was down is read stream by stream.
SEVERAL = ("enriched", "left joined", "with a table", "ranged")


@pytest.mark.turns(3)
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("seed", range(1))
async def test_a_run_with_kills_gives_what_a_run_without_gives(
    place: Place, name: str, seed: int
) -> None:
    wanted = await run_view(place, name, random.Random(seed), kills=False)
    await place.run("drop view mv")
    for stream in ("s", "r", "v"):
        await place.run(f"drop stream {stream}")
    assert await run_view(place, name, random.Random(seed), kills=True) == wanted
    assert wanted


async def run_view(
    place: Place, name: str, chance: random.Random, *, kills: bool
) -> list[list[Any]]:
    """The rows of a view over random rows; with `kills` the engine dies, stops and takes
    checkpoints in between."""
    columns = "(i int32, k string, t datetime64(3)) settings event_time_column='t'"
    await place.run(f"create stream s {columns}")
    await place.run(f"create stream r {columns}")
    await place.run(
        "create stream v (k string, n int32) primary key k settings mode='versioned_kv'"
    )
    for key, number in (("a", 1), ("b", 2)):
        await place.run(f"insert into v (k, n) values ('{key}', {number})")
    await place.run(f"create materialized view mv as {QUERIES[name]}")
    second = 0
    for _ in range(12):
        second += chance.randrange(3)
        values = "".join(
            f"({chance.randrange(100)}, '{chance.choice('abc')}', "
            f"'2020-02-02 20:00:{second + chance.randrange(3):02d}')"
            for _ in range(chance.randrange(1, 5))
        )
        await place.run(f"insert into {chance.choice('ssr')} (i, k, t) values {values}")
        key, number = chance.choice("abc"), chance.randrange(100)
        if chance.randrange(2):
            await place.run(f"insert into v (k, n) values ('{key}', {number})")
        action = chance.randrange(6)
        if action < 4 or name in SEVERAL:
            await place.engine.settle()
        if kills and action % 2:
            view = place.engine._catalog.require("mv")
            place.engine._checkpoints.take_now(view.id)
        if kills and action == 1:
            await place.restart()
        elif kills and action in (2, 3, 4):
            await place.kill()
        elif action in (1, 2, 3, 4):
            place.clock.advance(1_000)  # as long as a kill takes
            await place.engine.settle()
    await place.engine.wait(2_000)
    return await place.rows("select * except _tp_time from table(mv)")


async def test_a_view_is_paused_over_restarts_and_resumed_without_loss(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select sum(i) as n from s emit on update")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.run("system pause materialized view mv")
    await place.run("insert into s (i) values (2)")
    await place.restart()
    assert await place.rows("select n from table(mv)") == [[1]]
    await place.run("system resume materialized view mv")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[1], [3]]


async def test_a_view_that_is_paused_from_the_start_begins_when_it_is_resumed(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select i from s settings pause_on_start=1")
    await place.run("insert into s (i) values (1)")
    await place.run("system resume materialized view mv")
    await place.run("insert into s (i) values (2)")
    await place.engine.settle()
    assert await place.rows("select i from table(mv)") == [[2]]


async def test_modify_query_begins_anew_and_keeps_the_rows(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select sum(i) as n from s emit on update")
    await place.run("insert into s (i) values (5)")
    await place.engine.settle()
    await place.run("alter view mv modify query select max(i) as n from s emit on update")
    await place.run("insert into s (i) values (3)")
    await place.engine.settle()
    await place.kill()
    await place.run("insert into s (i) values (4)")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[5], [3], [4]]
    with pytest.raises(TailraceError) as caught:
        await place.run("alter view mv modify query select max(i) as other from s emit on update")
    assert caught.value.code == 36
    await place.run("alter view mv modify query setting checkpoint_interval=2")
    await place.run("alter view mv reset query setting checkpoint_interval")
    await place.run("insert into s (i) values (9)")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[5], [3], [4], [9]]


async def test_a_failed_view_says_why_and_can_be_recovered(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    await place.run("create stream t (v int8)")
    await place.run("create materialized view mv into t as select i as v from s")
    for code, sql in ((36, "system recover materialized view mv"),):
        with pytest.raises(TailraceError) as caught:
            await place.run(sql)
        assert caught.value.code == code
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    view = place.engine._catalog.require("mv")
    place.engine._views._fail(place.engine._views._views[view.id], TailraceError("no more"))
    assert place.engine._views.status(view.id) == ("Error", "no more")
    await place.run("insert into s (i) values (2)")
    await place.run("system recover materialized view mv")
    await place.engine.settle()
    assert await place.rows("select v from table(t)") == [[1], [2]]


async def test_a_view_goes_on_when_its_target_gets_a_column(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create stream t (n int64)")
    await place.run(
        "create materialized view mv into t as select sum(i) as n from s emit on update"
    )
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.run("alter stream t add column note string default 'new'")
    await place.engine.settle()
    await place.run("insert into s (i) values (2)")
    await place.engine.settle()
    assert await place.rows("select n, note from table(t)") == [[1, "new"], [3, "new"]]


@pytest.mark.parametrize("policy", ["strict", "best_effort"])
async def test_rows_at_which_a_view_fails_stop_it_or_are_left_out(
    place: Place, policy: str
) -> None:
    await place.run("create stream s (k string)")
    await place.run(
        "create materialized view mv as select to_int32(k) as n, row_number() as at from s "
        f"settings recovery_policy='{policy}'"
    )
    for text in ("1", "none", "3"):
        await place.run(f"insert into s (k) values ('{text}')")
        await place.engine.settle()
        await asyncio.sleep(0)
        await place.engine.settle()
    left = [[1, 0]] if policy == "strict" else [[1, 0], [3, 1]]
    assert await place.rows("select n, at from table(mv)") == left
    await place.kill()
    await place.run("insert into s (k) values ('4')")
    await place.engine.settle()
    left = left if policy == "strict" else [*left, [4, 2]]
    assert await place.rows("select n, at from table(mv)") == left


@pytest.mark.parametrize(
    "query",
    [
        "select i, rand() as r from s",  # above the scan
        "select i, rand() as r from (select distinct i from s)",  # within the graph
        "select sum(rand() % 1000) as r from s emit on update",
    ],
)
async def test_no_random_value_comes_twice(place: Place, query: str) -> None:
    await place.run("create stream s (i int32)")
    await place.run(f"create materialized view mv as {query}")
    for value in range(6):
        await place.run(f"insert into s (i) values ({value})")
        await place.engine.settle()
        await place.restart()
    found = [row[0] for row in await place.rows("select r from table(mv) order by _tp_sn")]
    assert len(found) == 6
    steps = [after - before for before, after in zip([0, *found], found, strict=False)]
    assert len(set(steps)) == 6
