"""Channels of the Kronicle API in an engine: one commit each, kept over a kill, unique, renamed."""

from __future__ import annotations

import asyncio

import pytest

from engine.ddl import Composition
from engine.errors import AlreadyExists
from engine.protocol import ColumnDef, Definition, IngestRequest
from engine.timeseries.kronicle_messages import PAGE_CHANNELS
from tests.engine.kronicle_calls import (
    GREEN,
    LAB,
    STREAM,
    ask,
    done,
    listed,
    make,
    refused,
    row,
    rows_of,
)
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def names(place: Place) -> set[str]:
    return {d.name for d in (await place.engine.definitions()).definitions}


async def test_a_channel_is_a_stream_a_view_and_a_row_over_a_kill(place: Place) -> None:
    await make(place, channel_name="Lab 1", metadata={"unit": "C"}, tags={"room": 101})
    await done(place, "write", {"rows": [row(0, 1.5)]}, id=LAB)
    await place.kill()
    assert await names(place) == {STREAM, "kronicle_lab_1", "kronicle_channels"}
    found = (await done(place, "get", id=LAB)).channel
    assert (found.name, found.metadata, found.tags, found.available_rows) == (
        "lab_1", b'{"unit":"C"}', b'{"room":101}', 1,
    )  # fmt: skip
    assert await place.rows("select temp from table(kronicle_lab_1)") == [[1.5]]
    sql = "select name, stream, channel_schema, deleted from table(kronicle_channels)"
    schema = '{"time":"datetime","temp":"float"}'
    assert await place.rows(sql) == [["lab_1", STREAM, schema, False]]


async def test_what_the_original_or_sql_may_do_with_its_streams(place: Place) -> None:
    await make(place, channel_name="lab")
    for sql in (
        f"drop stream {STREAM}",
        f"truncate stream {STREAM}",
        f"alter stream {STREAM} add column x int",
        f"delete from {STREAM} where temp > 1",
        "insert into kronicle_channels(channel_id) values ('x')",
    ):
        with pytest.raises(Exception, match="Kronicle API"):
            await place.run(sql)


async def test_rows_that_come_by_other_ways_show_up(place: Place) -> None:
    await make(place, channel_name="lab")
    body = b'{"columns":["time","temp"],"data":[["2025-01-10 00:00:01",2.5]]}'
    await place.engine.ingest(IngestRequest(STREAM, "compact"), body)
    await place.run(f"insert into {STREAM} (temp) values (3.5)")
    assert [r[1] for r in await rows_of(place)] == [2.5, 3.5]
    assert (await done(place, "get", id=LAB)).channel.available_rows == 2
    received = await place.rows(f"select min(received_at) > to_datetime(0) from table({STREAM})")
    assert received == [[True]]


async def test_ids_and_names_are_unique(place: Place) -> None:
    await make(place, channel_name="lab")
    again = await refused(place, "create", {"channel_id": LAB, "channel_schema": {"a": "int"}})
    assert again.kind == "conflict"
    for name in ("lab", "LAB", " Lab!"):
        body = {"channel_id": GREEN, "channel_name": name, "channel_schema": {"a": "int"}}
        assert (await refused(place, "create", body)).kind == "conflict"
        assert (await refused(place, "write", {**body, "rows": [{"a": 1}]})).kind == "conflict"
    assert await names(place) == {STREAM, "kronicle_lab", "kronicle_channels"}


async def test_of_many_that_want_a_name_at_once_one_gets_it(place: Place) -> None:
    ids = [place.clock.uuid4() for _ in range(8)]
    # A name that no view has, so that no view's name is in the way.
    bodies = [
        {"channel_id": i, "channel_name": "größe", "channel_schema": {"a": "int"}} for i in ids
    ]
    answers = await asyncio.gather(*(ask(place, "create", body) for body in bodies))
    assert [type(a).__name__ for a in answers].count("Done") == 1


async def test_a_change_goes_on_when_its_caller_goes_away(place: Place) -> None:
    await make(place, channel_name="old")
    task = asyncio.ensure_future(ask(place, "merge", {"channel_name": "new"}, id=LAB))
    for _ in range(5):  # turns until the change has begun
        await asyncio.sleep(0)
    task.cancel()
    await make(place, GREEN, channel_name="old")  # free: the first change was not left half done
    assert {"kronicle_new", "kronicle_old"} <= await names(place)


async def test_a_view_is_named_after_the_channel_where_that_can_be(place: Place) -> None:
    await place.run("create stream kronicle_taken (a int)")
    hidden = "kronicle_" + LAB.replace("-", "")
    for name in ("taken", "channels", "größe", "x" * 60, None):
        await make(place, channel_name=name)
        assert hidden in await names(place), name
        await done(place, "delete", id=LAB)
        assert hidden not in await names(place)
    await make(place, channel_name="2nd floor")
    assert "kronicle_channel_2nd_floor" in await names(place)


async def test_put_replaces_and_patch_merges(place: Place) -> None:
    await make(place, channel_name="lab", metadata={"a": 1, "b": 2}, tags={"k": "v"})
    body = {"metadata": {"b": None, "c": 3}, "tags": {"k": None, "n": 1}}
    merged = (await done(place, "merge", body, id=LAB)).channel
    assert (merged.metadata, merged.tags) == (b'{"a":1,"c":3}', b'{"n":1}')
    replaced = (await done(place, "replace", {"metadata": {"d": 4}}, id=LAB)).channel
    assert (replaced.name, replaced.metadata, replaced.tags) == ("", b'{"d":4}', b"{}")
    other = {"channel_schema": {"temp": "int"}}
    assert (await refused(place, "replace", other, id=LAB)).kind == "bad"
    same = {"channel_schema": {"Temp": "number", "time": "timestamp"}, "channel_name": "lab"}
    again = (await done(place, "replace", same, id=LAB)).channel
    assert (again.name, again.metadata) == ("lab", b"{}")
    made = {"channel_id": GREEN, "channel_schema": {"a": "int"}}
    assert (await done(place, "replace", made)).channel.id == GREEN


async def test_the_view_follows_a_new_name(place: Place) -> None:
    await make(place, channel_name="old")
    await done(place, "write", {"rows": [row(0, 1.0)], "channel_name": "new", "channel_id": LAB})
    assert await names(place) == {STREAM, "kronicle_new", "kronicle_channels"}
    assert await place.rows("select temp from table(kronicle_new)") == [[1.0]]
    await place.run("create materialized view hot as select temp from kronicle_new")
    assert (await refused(place, "merge", {"channel_name": "x"}, id=LAB)).kind == "conflict"
    assert (await done(place, "get", id=LAB)).channel.name == "new"


async def test_the_schema_changes_only_while_there_are_no_rows(place: Place) -> None:
    await make(place, channel_name="lab")
    await done(place, "write", {"rows": [row(0, 1.0)]}, id=LAB)
    other = {"channel_schema": {"When": "str", "Grösse": "int"}}
    assert "1 rows" in (await refused(place, "merge", other, id=LAB)).message
    await done(place, "delete_rows", id=LAB)
    await done(place, "merge", other, id=LAB)
    await done(place, "write", {"rows": [{"When": "now", "Grösse": 5}]}, id=LAB)
    await place.kill()
    assert [r[1:] for r in await rows_of(place)] == [["now", 5]]
    assert await place.rows("select `When`, `Grösse` from table(kronicle_lab)") == [["now", 5]]


async def test_columns_are_shown_under_other_names_with_their_rows(place: Place) -> None:
    await make(place, channel_name="lab")
    await done(place, "write", {"rows": [row(0, 1.0)]}, id=LAB)
    shown = (await done(place, "merge", {"channel_schema": {"TEMP": "float"}}, id=LAB)).channel
    assert shown.schema == {"TEMP": "float"}
    assert await place.rows("select TEMP from table(kronicle_lab)") == [[1.0]]


async def test_what_a_materialized_view_reads_is_deleted_by_force_alone(place: Place) -> None:
    await make(place, channel_name="lab")
    await place.run("create materialized view hot as select temp from kronicle_lab")
    assert "hot" in (await refused(place, "delete", id=LAB)).message
    assert (await done(place, "get", id=LAB)).channel.name == "lab"
    await done(place, "delete", id=LAB, force=True)
    assert (await refused(place, "get", id=LAB)).kind == "missing"
    await place.kill()
    assert (await refused(place, "get", id=LAB)).kind == "missing"
    assert STREAM not in await names(place)


async def test_a_clone_has_the_schema_and_no_rows(place: Place) -> None:
    await make(place, channel_name="lab", metadata={"a": 1}, tags={"t": 1})
    await done(place, "write", {"rows": [row(0, 1.0)]}, id=LAB)
    first = (await done(place, "clone", b"", id=LAB)).channel
    second = (await done(place, "clone", {"channel_id": LAB, "tags": {"o": 2}}, id=LAB)).channel
    third = (await done(place, "clone", {"name": "own"}, id=LAB)).channel
    assert [c.name for c in (first, second, third)] == ["lab_copy", "lab_copy_2", "own"]
    assert (first.metadata, first.tags, first.available_rows) == (b'{"a":1}', b'{"t":1}', 0)
    assert second.tags == b'{"o":2}'
    assert len({LAB, first.id, second.id, third.id}) == 4
    assert (await refused(place, "clone", {"name": "own"}, id=LAB)).kind == "conflict"


async def test_many_are_deleted_at_once(place: Place) -> None:
    await make(place, channel_name="lab")
    await make(place, GREEN)
    unknown = place.clock.uuid4()
    gone = await ask(place, "delete_many", {"sensor_ids": [LAB, GREEN, unknown, LAB]})
    assert [c.id for c in gone.channels] == [LAB, GREEN]
    assert await names(place) == {"kronicle_channels"}
    assert (await refused(place, "delete_many", {"channel_ids": ["x"]})).kind == "invalid"


async def test_lists_are_filtered_and_come_in_pages(place: Place) -> None:
    await make(
        place, channel_name="lab", tags={"room": 101, "on": True}, metadata={"a": {"b": "x"}}
    )
    place.clock.advance(1)
    await make(place, GREEN, tags={"room": [101, 7]})

    async def ids(**parameters: str) -> list[str]:
        return [c.id for c in (await listed(place, parameters=parameters)).channels]

    assert await ids() == [GREEN, LAB]
    assert await ids(tags="room:101") == [GREEN, LAB]
    assert await ids(tags="room:101,on:true") == [LAB]
    assert await ids(tag_key="room", tag_value="7") == [GREEN]
    assert await ids(tag_key="on") == [LAB]
    assert await ids(metadata="a.b:x") == [LAB]
    assert (await done(place, "list", parameters={"name": "LAB"})).channel.id == LAB
    assert (await refused(place, "list", parameters={"name": "no"})).kind == "missing"
    assert (await refused(place, "list", parameters={"tags": "room"})).kind == "bad"


async def test_a_long_list_is_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAGE_CHANNELS == 200
    monkeypatch.setattr("engine.timeseries.kronicle.PAGE_CHANNELS", 2)
    monkeypatch.setattr("engine.timeseries.kronicle.TURN_CHANNELS", 1)
    ids = [place.clock.uuid4() for _ in range(5)]
    for i in ids:
        await make(place, i)
    found: list[str] = []
    after = ""
    while True:
        page = await listed(place, after=after)
        found += [c.id for c in page.channels]
        after = page.next
        if not after:
            break
    assert sorted(found) == sorted(ids)


async def test_pages_are_bounded_in_bytes(place: Place) -> None:
    for i in (LAB, GREEN):
        await make(place, i, metadata={"note": "x" * 60_000})
    for field in ({"metadata": {"a": "x" * 70_000}}, {"tags": {str(n): n for n in range(9_000)}}):
        body = {"channel_id": place.clock.uuid4(), "channel_schema": {"a": "int"}, **field}
        assert "65536 bytes" in (await refused(place, "create", body)).message
        assert "65536 bytes" in (await refused(place, "merge", field, id=LAB)).message
        writing = {**field, "channel_id": LAB, "rows": [row(1, 2.0)]}
        assert "65536 bytes" in (await refused(place, "write", writing)).message
    assert (await done(place, "get", id=LAB)).channel.available_rows == 0
    wide = {f"column {n} {'x' * 100}": "int" for n in range(500)}
    ids = [place.clock.uuid4() for _ in range(12)]
    for i in ids:
        await make(place, i, channel_schema=wide)
    found: list[str] = []
    page = await listed(place)
    while page.next:
        assert len(page.channels) < 12
        found += [c.id for c in page.channels]
        page = await listed(place, after=page.next)
    assert sorted(found + [c.id for c in page.channels]) == sorted([LAB, GREEN, *ids])


async def test_a_name_that_is_another_streams(place: Place) -> None:
    await place.run("create stream kronicle_channels_of_mine (a int)")
    await make(place)  # free: only the exact names are the API's
    await place.engine.drop("kronicle_channels_of_mine")
    assert (await listed(place)).channels[0].id == LAB


async def test_the_apis_own_stream_in_another_shape(place: Place) -> None:
    """From a version in which the name was free."""
    other = Definition(place.clock.uuid4(), "kronicle_channels", "stream", (ColumnDef("a", "int"),))
    await place.engine.timeseries.ground.compose(Composition((other,)))
    await place.kill()
    with pytest.raises(AlreadyExists, match="kronicle_channels"):
        await ask(place, "list")


async def test_bodies_of_the_wrong_form(place: Place) -> None:
    for body, where in (
        (b"{", "body"),
        (b"[]", "body"),
        ({"channel_id": "x"}, "body.channel_id"),
        ({"sensor_schema": {"a": 1}}, "body.sensor_schema"),
        ({"name": 5}, "body.name"),
        ({"metadata": []}, "body.metadata"),
        ({"rows": {}}, "body.rows"),
        ({"strict": "x"}, "body.strict"),
    ):
        found = await refused(place, "create", body)
        assert (found.kind, list(found.details)) == ("invalid", [where]), body
    one = "0b1e1a5e-0000-1000-8000-00000000000a"
    for body in (
        {},
        {"channel_id": LAB},
        {"channel_id": one, "channel_schema": {"a": "int"}},
        {"channel_id": LAB, "channel_schema": {}},
        {"channel_id": LAB, "channel_schema": {"received_at": "datetime"}},
        {"channel_id": LAB, "channel_schema": {"a": "nope"}},
        {"channel_id": LAB, "channel_schema": {"A b": "int", "a_b": "int"}},
        {"channel_id": LAB, "channel_schema": {"Select": "int"}},
        {"channel_id": LAB, "channel_schema": {"_tp_x": "int"}},
        {"channel_id": LAB, "channel_schema": {"!": "int"}},
        {"channel_id": LAB, "channel_name": "?", "channel_schema": {"a": "int"}},
    ):
        assert (await refused(place, "create", body)).kind == "bad", body
    assert await names(place) == {"kronicle_channels"}
