"""Definitions and rows in one commit, and names that belong to an API."""

from __future__ import annotations

import pyarrow as pa
import pytest

from engine.ddl import Composition
from engine.errors import AlreadyExists, SqlError, TailraceError, UserError
from engine.log.records import Append
from engine.protocol import ColumnDef, Definition, IngestRequest
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANNEL = "channel_" + "ab" * 16


def stream(name: str, identity: str, *columns: tuple[str, str]) -> Definition:
    """A stream with an id of its own."""
    return Definition(
        id=identity, name=name, kind="stream", columns=tuple(ColumnDef(*c) for c in columns)
    )


def channel(place: Place) -> tuple[Definition, Definition, Append]:
    """A channel's stream, the view on it and a row."""
    clock = place.engine._clock
    made = stream(CHANNEL, clock.uuid4(), ("temp", "float64"))
    view = Definition(
        id=clock.uuid4(), name="kronicle_lab", kind="view", query=f"select temp from {CHANNEL}"
    )
    row = pa.record_batch(
        {"temp": pa.array([1.5]), "_tp_time": pa.array([1_000], pa.timestamp("ms"))}
    )
    return made, view, Append.single(made.id, row)


async def test_a_stream_its_view_and_its_rows_come_in_one_commit(place: Place) -> None:
    made, view, row = channel(place)
    ground = place.engine.timeseries.ground
    receipt = await ground.compose(Composition((made, view), (), (row,)))
    assert [r.stream_id for r in receipt.appends] == [made.id]
    assert await place.rows("select temp from table(kronicle_lab)") == [[1.5]]
    await place.kill()
    assert await place.rows("select temp from table(kronicle_lab)") == [[1.5]]


async def test_a_view_that_cannot_be_bound_leaves_nothing(place: Place) -> None:
    made, view, row = channel(place)
    bad = Definition(id=view.id, name=view.name, kind="view", query=f"select nope from {CHANNEL}")
    with pytest.raises(TailraceError, match="nope"):
        await place.engine.timeseries.ground.compose(Composition((made, bad), (), (row,)))
    assert (await place.engine.definitions()).definitions == ()
    with pytest.raises(SqlError, match="does not exist"):  # what was pending is seen by nobody
        await place.rows(f"select * from table({CHANNEL})")


async def test_a_name_that_is_taken_refuses_the_whole(place: Place) -> None:
    made, view, row = channel(place)
    await place.run("create stream kronicle_lab (a int)")
    with pytest.raises(AlreadyExists, match="kronicle_lab"):
        await place.engine.timeseries.ground.compose(Composition((made, view), (), (row,)))
    assert [d.name for d in (await place.engine.definitions()).definitions] == ["kronicle_lab"]


async def test_a_drop_takes_view_and_stream_unless_something_else_reads_them(place: Place) -> None:
    made, view, row = channel(place)
    ground = place.engine.timeseries.ground
    await ground.compose(Composition((made, view), (), (row,)))
    await place.run(f"create materialized view hot as select temp from {CHANNEL} where temp > 30")
    gone = tuple(ground.catalog.require(name) for name in ("kronicle_lab", CHANNEL))
    with pytest.raises(UserError, match="hot"):
        await ground.compose(Composition(drops=gone))
    await place.run("drop view hot")
    await ground.compose(Composition(drops=gone))
    assert (await place.engine.definitions()).definitions == ()
    await place.kill()
    assert (await place.engine.definitions()).definitions == ()


@pytest.mark.parametrize(
    "statement",
    [
        f"drop stream {CHANNEL}",
        f"alter stream {CHANNEL} add column x int",
        f"rename stream {CHANNEL} to free",
        f"truncate stream {CHANNEL}",
        f"delete from {CHANNEL} where temp > 1",
        "create stream os_packets (a int)",
        "create view timedb_flat as select 1",
    ],
)
async def test_definitions_of_an_api_are_its_own_to_change(place: Place, statement: str) -> None:
    made, view, row = channel(place)
    await place.engine.timeseries.ground.compose(Composition((made, view), (), (row,)))
    with pytest.raises(UserError, match=r"belongs to the \w+ API\. Use "):
        await place.run(statement)
    assert await place.rows(f"select count() from table({CHANNEL})") == [[1]]


async def test_rows_of_a_channel_may_come_from_anywhere(place: Place) -> None:
    made, view, row = channel(place)
    await place.engine.timeseries.ground.compose(Composition((made, view), (), (row,)))
    await place.run(f"insert into {CHANNEL} (temp) values (2.5)")
    body = b'{"columns": ["temp"], "data": [[3.5]]}'
    await place.engine.ingest(IngestRequest(CHANNEL, "compact"), body)
    found = await place.rows("select temp from table(kronicle_lab) order by temp")
    assert found == [[1.5], [2.5], [3.5]]
