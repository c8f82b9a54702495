"""A stream that was dropped by force and made again is another one: who read it says so."""

from __future__ import annotations

import pytest

from engine.errors import TailraceError
from tests.engine.place import Place
from tests.engine.test_background import SINK, rows, start, state

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUERIES = ["select i from s", "select sum(i) as i from s emit on update"]
GONE = "stream s was dropped: the one that has its name now is another"


async def _made_again(place: Place) -> None:
    """More appends than were read of the first: its positions lie within the new one."""
    await place.engine.drop("s", force=True)
    await place.engine.settle()
    await place.run("create stream s (i int32)")
    for value in (10, 20, 30):
        await place.run(f"insert into s (i) values ({value})")


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("checkpointed", [False, True])
async def test_a_sink_says_that_its_stream_was_dropped(
    place: Place, query: str, checkpointed: bool
) -> None:
    await place.run("create stream s (i int32)")
    await start(place, query)
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    if checkpointed:
        found = place.engine._catalog.background(SINK)
        assert found is not None
        place.engine._checkpoints.take_now(found.id)
    await _made_again(place)
    with pytest.raises(TailraceError, match=GONE) as caught:
        await start(place, query)
    assert (caught.value.code, "by PUT" in caught.value.message) == (60, True)
    await place.kill()
    found = await state(place)
    assert found.status == "Error" and found.message.startswith(GONE)
    assert await rows(place, 1) == [[1]], "what it gave out is there for its reader"
    # What PUT does with one that has failed.
    await place.engine.drop_background(SINK)
    await start(place, query)
    await place.run("insert into s (i) values (40)")
    assert await rows(place, 1) == [[40]]


@pytest.mark.parametrize("query", QUERIES)
async def test_a_view_says_so_and_can_begin_anew_over_its_rows(place: Place, query: str) -> None:
    await place.run("create stream s (i int32)")
    await place.run(f"create materialized view mv as {query}")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    view_id = place.engine._catalog.require("mv").id
    place.engine._checkpoints.take_now(view_id)
    await _made_again(place)
    for seek in ("", " settings seek_to = 'earliest'"):
        with pytest.raises(TailraceError, match=GONE):
            await place.run(f"system recover materialized view mv{seek}")
    await place.run(f"alter view mv modify query {query} settings seek_to = 'earliest'")
    await place.engine.settle()
    await place.kill()
    assert place.engine._views.status(view_id) == ("ExecutingPipeline", "")
    found = [i for (i,) in await place.rows("select i from table(mv)")]
    assert (found[0], found[-1]) == (1, 30 if query == QUERIES[0] else 60)


async def test_a_subscription_says_so(place: Place) -> None:
    await place.run("create stream s (i int32)")
    reader = await place.engine.statement("subscribe to select i from s")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await reader.close()
    await _made_again(place)
    with pytest.raises(TailraceError, match=GONE):
        await place.engine.statement(f"recover from '{reader.opened.id}'")


async def test_a_stream_that_was_altered_is_the_same(place: Place) -> None:
    await place.run("create stream s (i int32)")
    await place.run("create materialized view mv as select i from s")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    await place.run("system pause materialized view mv")
    await place.run("alter stream s modify ttl to_datetime(_tp_time) + 7d")
    await place.run("insert into s (i) values (2)")
    await place.restart()
    await place.run("system resume materialized view mv")
    await place.engine.settle()
    assert await place.rows("select i from table(mv)") == [[1], [2]]
