"""Statements about kept queries that come at the same time: none undoes the other's work."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import TailraceError
from engine.protocol import Definition
from engine.sql.materialized import ViewPlan
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_failure_that_is_told_late_does_not_touch_a_view_that_was_paused(
    place: Place,
) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select i from s")
    view_id = place.engine._catalog.require("mv").id
    recorder = place.engine._views._views[view_id].recorder
    assert recorder is not None
    await place.run("system pause materialized view mv")
    recorder.end(TailraceError("the target takes no rows"))  # the loop hears of it below
    await asyncio.sleep(0)
    assert place.engine._views.status(view_id) == ("Paused", "")


async def test_a_view_that_is_dropped_while_it_starts_does_not_run(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create stream t (i int32)")
    await place.run("create materialized view mv into t as select i from s")
    await place.run("system pause materialized view mv")
    view_id = place.engine._catalog.require("mv").id
    plans, reached, go_on = place.engine._views.plans, asyncio.Event(), asyncio.Event()
    plan = plans.plan

    async def slowly(view: Definition) -> ViewPlan:
        found = await plan(view)
        reached.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(plans, "plan", slowly)
    resuming = asyncio.create_task(place.run("system resume materialized view mv"))
    await reached.wait()
    await place.run("drop view mv")
    go_on.set()
    with pytest.raises(TailraceError, match="was dropped"):
        await resuming
    assert view_id not in place.engine._flow._lives.running
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    assert await place.rows("select i from table(t)") == []


async def test_of_two_recoveries_at_once_one_is_refused(place: Place) -> None:
    await place.run("create stream s (i int32)")
    reader = await place.engine.statement("subscribe to select i from s")
    query_id = reader.opened.id
    await reader.close()
    sql = f"recover from '{query_id}'"
    found = await asyncio.gather(
        *(place.engine.statement(sql) for _ in range(2)), return_exceptions=True
    )
    refused = [each for each in found if isinstance(each, TailraceError)]
    readers = [each for each in found if not isinstance(each, BaseException)]
    assert [each.code for each in refused] == [36]
    assert len(readers) == 1
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    assert readers[0].rows() == [[1]]
    with pytest.raises(TailraceError) as caught:
        await place.engine.statement(sql)
    assert caught.value.code == 36
    await readers[0].close()
    again = await place.engine.statement(sql)  # it knows what the reader has
    await place.engine.settle()
    assert again.rows() == []
    await again.close()
