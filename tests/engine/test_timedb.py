"""The TimeDB API in an engine: series, runs, batches, what is kept over a kill, rows by SQL."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from typing import Any

import pytest

from engine.errors import AlreadyExists, NotFound, StorageFull, UserError
from engine.protocol import IngestRequest
from engine.timeseries import timedb_messages as msg
from engine.timeseries.timedb_units import convert
from tests.engine.place import Place
from tests.engine.timedb_calls import at, batch, create, hours, listed, read, run, update, write

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_MS = 86_400_000
FLAT = "select series_key, valid_time, value from timedb_flat order by series_key, valid_time"


async def names(place: Place) -> set[str]:
    return {d.name for d in (await place.engine.definitions()).definitions}


async def test_a_series_is_its_name_with_its_labels(place: Place) -> None:
    first = await create(place, unit="MW")
    again = await write(place, msg.CREATE_SERIES, {"name": "wind", "unit": "kW"})
    other = await create(place, labels={"site": "north"}, unit="kW")
    assert again.series == first
    assert "its unit is 'MW', not 'kW'" in again.message
    assert (first.no, other.no) == (1, 2)
    assert await names(place) == {
        "timedb_series", "timedb_runs", "timedb_values", "timedb_in", "timedb_flat",
        "timedb_overlapping",
    }  # fmt: skip
    assert [s.series_id for s in await listed(place, labels={"site": "north"})] == [2]
    assert [s.series_id for s in await listed(place, name="wind", unit="MW")] == [1]
    assert [s.series_id for s in await listed(place, series_id=other.uuid)] == [2]
    assert await listed(place, name="sun") == []


@pytest.mark.parametrize(
    ("body", "text"),
    [({"name": " "}, "blank"), ({"name": "a", "retention": "ever"}, "Unknown retention")],
)
async def test_a_series_that_cannot_be(place: Place, body: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        await write(place, msg.CREATE_SERIES, body)


@pytest.mark.parametrize(
    ("verb", "body", "kind", "loc"),
    [
        (msg.CREATE_SERIES, b"{}", "missing", ("body", "name")),
        (msg.CREATE_SERIES, b'{"name":1}', "string_type", ("body", "name")),
        (msg.CREATE_SERIES, b"{", "json_invalid", ("body",)),
        (msg.CREATE_SERIES, b"", "missing", ("body",)),
        (msg.INSERT_RUN, b'{"value_rows":[]}', "missing", ("body", "run_start_time")),
        (
            msg.INSERT_RUN,
            b'{"run_start_time":"2025-01-01","value_rows":[{"valid_time":"x","value_key":"a"}]}',
            "datetime_parsing",
            ("body", "value_rows", 0, "valid_time"),
        ),
        (msg.UPDATE, b"{}", "missing", ("body", "updates")),
        (
            msg.INSERT_VALUES,
            b'{"series_id":1,"data":[{"valid_time":"2025-01-01","value":1e400}]}',
            "value_error",
            ("body", "data", 0, "value"),
        ),
        (
            msg.INSERT_RUN,
            b'{"run_start_time":0,"value_rows":[{"valid_time":null,"value_key":"a"}]}',
            "datetime_type",
            ("body", "value_rows", 0, "valid_time"),
        ),
    ],
)
async def test_what_does_not_fit_says_where(
    place: Place, verb: str, body: bytes, kind: str, loc: tuple[Any, ...]
) -> None:
    found = await write(place, verb, body)
    assert isinstance(found, msg.Invalid)
    assert [(f.type, tuple(f.loc)) for f in found.faults] == [(kind, loc)]


async def test_a_run_uses_the_series_that_is_there(place: Place) -> None:
    wind = await create(place, unit="MW")
    made = await run(
        place, ("wind", 0, 1.5), ("sun", 0, None), ("wind", 1, 2.5),
        series_descriptions={"sun": "of the roof"}, run_params={"model": "a"},
    )  # fmt: skip
    assert made.series["wind"] == wind
    assert (made.series["sun"].unit, made.series["sun"].description) == (
        "dimensionless", "of the roof",
    )  # fmt: skip
    assert [row[::2] for row in await place.rows(FLAT)] == [
        ["sun", None], ["wind", 1.5], ["wind", 2.5],
    ]  # fmt: skip
    row = "select run_id, batch_id, workflow_id, run_params, changed_by from table(timedb_runs)"
    assert await place.rows(row) == [
        [made.run_id, 1, "api-workflow", '{"model":"a"}', "ann@example.com"]
    ]


async def test_what_a_run_may_not_say(place: Place) -> None:
    wind = await create(place)
    row = {"valid_time": at(0), "value_key": "wind", "value": 1}
    for more, text in (
        ({"valid_time_end": at(0)}, r"value_rows\[0\]: valid_time_end"),
        ({"series_id": "nobody"}, "no series with id nobody"),
        ({"series_id": wind.no, "value_key": "sun"}, "called 'sun'"),
        ({"value_key": " "}, "not blank"),
    ):
        with pytest.raises(UserError, match=text):
            await run(place, value_rows=[{**row, **more}])
    foreign = await write(
        place, msg.INSERT_RUN,
        {"run_start_time": at(0), "tenant_id": "11111111-1111-4111-8111-111111111111"},
    )  # fmt: skip
    assert isinstance(foreign, msg.ForeignTenant)
    assert await place.rows("select count() from table(timedb_values)") == [[0]]
    assert len(await listed(place)) == 1


async def test_times_in_every_form_are_the_same_instant(place: Place) -> None:
    wind = await create(place)
    forms = (
        "2025-01-01T01:00:00Z", "2025-01-01T02:00:00+01:00", "2025-01-01T01:00:00",
        "2025-01-01 01:00:00.000", 1735693200, 1735693200000,
    )  # fmt: skip
    for form in forms:  # one by one, and all in one body
        await write(place, msg.INSERT_VALUES, _values(wind, [form]))
    await write(place, msg.INSERT_VALUES, _values(wind, list(forms)))
    found = await place.rows("select distinct valid_time from table(timedb_values)")
    assert [hours(row[0]) for row in found] == [1.0]


@pytest.mark.parametrize(
    "form",
    ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "10000-01-01", "24:00", 1e300],
)
async def test_a_time_that_no_client_could_read_is_none(place: Place, form: str | float) -> None:
    wind = await create(place, overlapping=True)
    good = "2025-01-01T00:00:00Z"
    calls = (
        (msg.INSERT_VALUES, _values(wind, [good, form])),
        (msg.INSERT_VALUES, {**_values(wind, [good]), "known_time": form}),
        (msg.INSERT_RUN, {"run_start_time": form}),
        (msg.UPDATE, {"updates": [{"series_id": wind.no, "valid_time": form, "value": 1}]}),
    )
    for verb, body in calls:
        found = await write(place, verb, body)
        assert isinstance(found, msg.Invalid), found
        assert found.faults[0].type == "datetime_parsing"
    ends = await write(
        place, msg.INSERT_VALUES, _values(wind, ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
    )
    assert isinstance(ends, msg.ValuesMade)


@pytest.mark.parametrize("end", ["", "x"])
async def test_an_end_that_is_no_time_is_not_left_out(place: Place, end: str) -> None:
    wind = await create(place)
    data = [{"valid_time": at(0), "value": 1, "valid_time_end": end}]
    found = await write(place, msg.INSERT_VALUES, {"series_id": wind.no, "data": data})
    assert isinstance(found, msg.Invalid)
    assert [tuple(f.loc) for f in found.faults] == [("body", "data", 0, "valid_time_end")]
    with pytest.raises(UserError, match="later than valid_time"):
        await write(
            place, msg.INSERT_VALUES,
            {"series_id": wind.no, "data": [{**data[0], "valid_time_end": 0}]},
        )  # fmt: skip


def _values(series: msg.Series, times: list[Any]) -> dict[str, Any]:
    return {"series_id": series.uuid, "data": [{"valid_time": t, "value": 1} for t in times]}


async def test_a_flat_series_keeps_the_last_write_and_an_overlapping_one_all(place: Place) -> None:
    flat = await create(place, "flat")
    over = await create(place, "over", overlapping=True)
    for series in (flat, over):
        await batch(place, series, (0, 1.0), known_time=at(9))
        await batch(place, series, (0, 2.0), (0, 3.0), known_time=at(5))
    assert await place.rows(FLAT) == [
        ["flat", "2025-01-01 00:00:00.000000", 3.0], ["over", "2025-01-01 00:00:00.000000", 1.0],
    ]  # fmt: skip
    known = await read(place, among={"name": "over"}, overlapping=True)
    assert [(hours(row[0]), row[3]) for row in known] == [(5.0, 3.0), (9.0, 1.0)]


async def test_the_one_series_of_a_batch(place: Place) -> None:
    await create(place, labels={"site": "a", "kind": "x"})
    await create(place, labels={"site": "b"})
    body = {"name": "wind", "data": [{"valid_time": at(0), "value": 1}]}
    with pytest.raises(UserError, match="2 series are called 'wind'"):
        await write(place, msg.INSERT_VALUES, body)
    made = await write(place, msg.INSERT_VALUES, {**body, "labels": {"site": "a"}})
    assert made.series.labels == {"site": "a", "kind": "x"}
    plain = await create(place)  # this name with just these labels
    assert (await write(place, msg.INSERT_VALUES, body)).series == plain
    for wrong in ({"name": "sun"}, {"series_id": 99}, {"name": "sun", "series_id": plain.no}):
        with pytest.raises(NotFound):
            await write(place, msg.INSERT_VALUES, {**body, "name": None, **wrong})
    with pytest.raises(UserError, match="Say which series"):
        await write(place, msg.INSERT_VALUES, {"data": body["data"]})
    with pytest.raises(UserError, match="no values"):
        await write(place, msg.INSERT_VALUES, {"name": "wind"})


async def test_values_in_another_unit_are_converted(place: Place) -> None:
    wind = await create(place, unit="MW")
    heat = await create(place, "heat", unit="celsius")
    await batch(place, wind, (0, 1500.0), (1, None), unit="kW")
    await batch(place, heat, (0, 300.15), unit="kelvin")
    await batch(place, heat, (1, 1.0), unit="celsius")
    found = [row[2] for row in await place.rows(FLAT)]
    assert found == pytest.approx([27.0, 1.0, 1.5, None])
    for unit, text in (("celsius", "different things"), ("furlongs_", "not known")):
        with pytest.raises(UserError, match=text):
            await batch(place, wind, (0, 1.0), unit=unit)


@pytest.mark.parametrize("text", ["m**99999999", "10^10^10^10", "__import__('os')", "m" * 65])
async def test_a_unit_is_never_computed_for_long(text: str) -> None:
    import pyarrow as pa

    with pytest.raises(UserError):
        convert(pa.array([1.0]), text, "m")


async def test_all_of_it_is_there_after_a_kill(place: Place) -> None:
    wind = await create(place, labels={"site": "north"}, unit="MW")
    first = await batch(place, wind, (0, 1.0))
    await place.kill()
    assert [s.series_uuid for s in await listed(place)] == [wind.uuid]
    second = await batch(place, wind, (0, 2.0))
    other = await create(place, "sun")
    assert (second.batch_id, other.no) == (first.batch_id + 1, wind.no + 1)
    assert [row[2] for row in await read(place)] == [2.0]
    made = await place.rows("select value_id from table(timedb_values) order by value_id")
    assert made == [[1], [2]]


async def test_a_value_is_never_durable_without_its_series(place: Place) -> None:
    """The second run uses the series of the first, whose commit fails: it writes it itself."""
    await create(place, "other")
    storage: Any = place.engine.timeseries.ground.storage
    held: list[Future[Any]] = []
    append = storage.append

    def failing(*records: Any) -> Future[Any]:
        held.append(Future())
        return held[-1]

    storage.append = failing
    lost = asyncio.ensure_future(run(place, ("wind", 0, 1.0)))
    while not held:
        await asyncio.sleep(0.001)
    storage.append = append
    made = await run(place, ("wind", 0, 2.0))
    held[0].set_exception(StorageFull("no room"))
    with pytest.raises(StorageFull):
        await lost
    assert [s.series_uuid for s in await listed(place, name="wind")] == [made.series["wind"].uuid]
    ids = "select series_id from table(timedb_series) where name = 'wind'"
    assert await place.rows(ids) == [[made.series["wind"].uuid]]


async def test_a_caller_that_leaves_makes_no_series_twice(place: Place) -> None:
    await create(place, "other")
    storage: Any = place.engine.timeseries.ground.storage
    held: list[tuple[Any, Future[Any]]] = []
    append = storage.append

    def slow(*records: Any) -> Future[Any]:
        held.append((records, Future()))
        return held[-1][1]

    storage.append = slow
    leaving = asyncio.ensure_future(run(place, ("wind", 0, 1.0)))
    while not held:
        await asyncio.sleep(0.001)
    storage.append = append
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    made = await run(place, ("wind", 1, 2.0))
    [(records, future)] = held
    future.set_result(await asyncio.wrap_future(append(*records)))
    for stream in ("timedb_series", "timedb_values"):
        ids = f"select distinct series_id from table({stream}) "
        of_wind = f"where {'name' if stream == 'timedb_series' else 'series_key'} = 'wind'"
        assert await place.rows(ids + of_wind) == [[made.series["wind"].uuid]]


async def test_a_series_whose_commit_fails_is_not_there(place: Place) -> None:
    await create(place, "other")
    storage: Any = place.engine.timeseries.ground.storage
    append = storage.append

    def failing(*records: Any) -> Future[Any]:
        failed: Future[Any] = Future()
        failed.set_exception(StorageFull("no room"))
        return failed

    storage.append = failing
    with pytest.raises(StorageFull):
        await create(place, "wind", unit="kW")
    storage.append = append
    assert await listed(place, name="wind") == []
    assert (await create(place, "wind", unit="MW")).unit == "MW"


async def test_the_history_of_overlapping_series_ends_and_that_of_flat_ones_does_not(
    place: Place,
) -> None:
    for name, more in (("flat", {}), ("short", {"overlapping": True, "retention": "short"})):
        series = await create(place, name, **more)
        await batch(place, series, (0, 1.0), known_time=at(0))
    place.clock.advance(170 * DAY_MS)
    await update(place, {"name": "short", "valid_time": at(0), "value": 2.0})
    place.clock.advance(20 * DAY_MS)
    place.expire()
    kept = "select series_key, value from table(timedb_values) order by series_key"
    assert await place.rows(kept) == [["flat", 1.0], ["short", 2.0]]
    place.clock.advance(9_000 * DAY_MS)
    place.expire()
    assert await place.rows(kept) == [["flat", 1.0]]


async def test_rows_from_sql_become_runs_series_and_values(place: Place) -> None:
    await place.run(
        "insert into timedb_in(name, labels, valid_time, value, unit) values "
        "('wind', {'site': 'a'}, '2025-01-01 00:00:00', 1.5, 'MW'), "
        "('wind', {'site': 'a'}, '2025-01-01 01:00:00', 2500, 'kW'), "
        "('sun', map_cast('x', 'y'), '2025-01-01 00:00:00', null, null)"
    )
    body = {
        "columns": ["name", "value", "known_time", "workflow_id"],
        "data": [["sun", 1, "2025-01-01 00:00:00", "mine"], ["sun", 2, None, None]],
    }
    await place.engine.ingest(IngestRequest("timedb_in", "compact"), json.dumps(body).encode())
    assert [(s.name, s.labels, s.unit) for s in await listed(place)] == [
        ("sun", {"x": "y"}, "dimensionless"), ("sun", {}, "dimensionless"),
        ("wind", {"site": "a"}, "MW"),
    ]  # fmt: skip
    runs = "select batch_id, workflow_id from table(timedb_runs) order by batch_id"
    assert await place.rows(runs) == [[1, "sql"], [2, "mine"], [3, "sql"]]
    found = "select batch_id, value from table(timedb_values) order by value_id"
    assert await place.rows(found) == [[1, 1.5], [1, 2.5], [1, None], [2, 1.0], [3, 2.0]]
    await place.kill()
    assert len(await listed(place)) == 3


@pytest.mark.parametrize(
    ("columns", "row", "text"),
    [
        ("name, value", "'', 2", "row 2 has no name"),
        ("name, value", "'  ', 2", "row 2 has no name"),
        ("name, valid_time, valid_time_end", "'a', '2025-01-02', '2025-01-01'", "valid_time_end"),
        ("name, unit", "'wind', 'celsius'", "different things"),
    ],
)
async def test_rows_from_sql_that_are_no_values(
    place: Place, columns: str, row: str, text: str
) -> None:
    await create(place, "wind", unit="MW")
    whole = "'wind', 1" if "unit" not in columns else "'wind', 'MW'"
    if "end" in columns:
        whole = "'wind', '2025-01-01', null"
    with pytest.raises(UserError, match=text):
        await place.run(f"insert into timedb_in({columns}) values ({whole}), ({row})")
    for stream in ("timedb_in", "timedb_values", "timedb_runs"):
        assert await place.rows(f"select count() from table({stream})") == [[0]]


async def test_a_new_series_has_the_unit_of_the_first_row_that_says_one(place: Place) -> None:
    await place.run(
        "insert into timedb_in(name, value, unit) values "
        "('gas', 1, null), ('gas', 2, 'MW'), ('gas', 3000, 'kW')"
    )
    [gas] = await listed(place)
    assert gas.unit == "MW"
    found = await place.rows("select value from table(timedb_values) order by value_id")
    assert found == [[1.0], [2.0], [3.0]]


async def test_a_repeated_id_stores_no_value_twice(place: Place) -> None:
    said = "insert into timedb_in(name, value) settings idempotent_id = 'once' values ('wind', 1)"
    await place.run(said)
    await place.run(said)

    async def sent(key: str, *values: int) -> None:
        body = json.dumps({"columns": ["name", "value"], "data": [["sun", v] for v in values]})
        request = IngestRequest("timedb_in", "compact", idempotency_id=key)
        await place.engine.ingest(request, body.encode())

    await asyncio.gather(sent("a", 2, 3), sent("", 4), sent("once", 9), sent("a", 2, 3))
    await place.kill()
    await asyncio.gather(sent("a", 2, 3), sent("b", 5), sent("once", 1))
    values = "select series_key, value from table(timedb_values) order by value"
    assert await place.rows(values) == [
        ["wind", 1.0], ["sun", 2.0], ["sun", 3.0], ["sun", 4.0], ["sun", 5.0],
    ]  # fmt: skip
    found = "select count(), uniq_exact(run_id) from"
    assert await place.rows(f"{found} table(timedb_runs)") == [[4, 4]]
    assert await place.rows(f"{found} table(timedb_values)") == [[5, 4]]


async def test_a_view_fills_series(place: Place) -> None:
    await place.run("create stream meters (site string, power float64)")
    await place.run(
        "create materialized view to_series into timedb_in as "
        "select 'power' as name, map_cast('site', site) as labels, _tp_time as valid_time, "
        "power as value from meters"
    )
    await place.run("insert into meters(site, power) values ('a', 1), ('b', 2)")
    await place.engine.settle()
    assert [(s.name, s.labels) for s in await listed(place)] == [
        ("power", {"site": "a"}), ("power", {"site": "b"}),
    ]  # fmt: skip
    assert sorted(row[2] for row in await place.rows(FLAT)) == [1.0, 2.0]


async def test_what_sql_may_do_with_its_streams(place: Place) -> None:
    await create(place)
    for sql in (
        "drop stream timedb_values", "truncate stream timedb_in", "drop view timedb_flat",
        "alter stream timedb_series add column x int", "delete from timedb_values where value > 1",
        "insert into timedb_series(name) values ('x')",
    ):  # fmt: skip
        with pytest.raises(Exception, match="TimeDB API"):
            await place.run(sql)


async def test_a_name_of_another_shape_is_refused(place: Place) -> None:
    ground: Any = place.engine.timeseries.ground
    from engine.ddl import Composition
    from engine.protocol import ColumnDef, Definition

    squatter = Definition(
        id=place.clock.uuid4(), name="timedb_runs", kind="stream",
        columns=(ColumnDef("x", "int32"),),
    )  # fmt: skip
    await ground.compose(Composition(puts=(squatter,)))
    with pytest.raises(AlreadyExists, match="timedb_runs"):
        await create(place)
