"""Readings and updates of the TimeDB API: against a plain model, and one by one."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.errors import NotFound, UserError
from engine.timeseries import timedb_messages as msg
from tests.engine.place import Place
from tests.engine.timedb_calls import (
    ask,
    at,
    batch,
    create,
    hours,
    micros,
    read,
    run,
    update,
    write,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Version:
    """One stored version, in the order in which they were written."""

    run: str
    series: int
    valid: float
    known: float
    value: float | None


@dataclass
class Model:
    """What was written, and what each mode shows of it, said as the contract does."""

    stored: list[Version] = field(default_factory=list[Version])

    def fitting(self, **bounds: float | None) -> list[tuple[int, Version]]:
        def fits(v: Version) -> bool:
            low, high = bounds["start_valid"], bounds["end_valid"]
            since, until = bounds["start_known"], bounds["end_known"]
            return (
                (low is None or v.valid >= low)
                and (high is None or v.valid < high)
                and (since is None or v.known >= since)
                and (until is None or v.known < until)
            )

        return [(at, v) for at, v in enumerate(self.stored) if fits(v)]

    def flat(self, found: list[tuple[int, Version]]) -> list[list[Any]]:
        best: dict[tuple[float, int], tuple[float, int, Version]] = {}
        for place, v in found:
            key = (v.valid, v.series)
            best[key] = max(best.get(key, (-1e9, -1, v)), (v.known, place, v), key=lambda b: b[:2])
        return [[valid, series, best[valid, series][2].value] for valid, series in sorted(best)]

    def overlapping(self, found: list[tuple[int, Version]]) -> list[list[Any]]:
        best = {(v.known, v.valid, v.series): v.value for _, v in found}
        return [[*key, best[key]] for key in sorted(best)]

    def all_versions(self, found: list[tuple[int, Version]], *, flat: bool) -> list[list[Any]]:
        """Series, time, value, whether it is current."""
        winner: dict[tuple[float, int], tuple[float, int, str]] = {}
        last: dict[tuple[float, int, str], int] = {}
        for place, v in found:
            key = (v.valid, v.series)
            winner[key] = max(winner.get(key, (-1e9, -1, "")), (v.known, place, v.run))
            last[v.valid, v.series, v.run] = place
        shown = [
            (v.known, v.valid, v.series, place, v.value, last[v.valid, v.series, v.run] == place)
            for place, v in found
            if not flat or winner[v.valid, v.series][2] == v.run
        ]
        shown.sort(key=lambda row: row[1:4] if flat else row[:4])
        return [[row[2], row[1], row[4], row[5]] for row in shown]


@pytest.mark.parametrize("seed", range(3))
async def test_readings_are_those_of_a_plain_model(place: Place, seed: int) -> None:
    given = random.Random(seed)
    series = [await create(place, f"s{n}", overlapping=True) for n in range(2)]
    model = Model()
    runs: list[tuple[msg.ValuesMade, int]] = []
    for _ in range(12):
        which = given.randrange(2)
        if runs and given.random() < 0.4:
            made, which = given.choice(runs)
            held = [v for v in model.stored if v.run == made.run_id]
            old = given.choice(held)
            value = float(given.randrange(1000)) + 0.5
            await update(
                place,
                {"run_id": made.run_id, "series_id": series[which].no, "valid_time": at(old.valid),
                 "value": value},
            )  # fmt: skip
            model.stored.append(Version(old.run, old.series, old.valid, old.known, value))
            continue
        known = float(given.randrange(20))
        while any(v.known == known for v in model.stored):
            known += 20  # two runs of one time are in another test
        values = [(float(given.randrange(6)), given.choice((None, 1.0, 2.0))) for _ in range(3)]
        values = list(dict(values).items())
        made = await batch(place, series[which], *values, known_time=at(known))
        runs.append((made, which))
        for valid, value in values:
            model.stored.append(Version(made.run_id, series[which].no, valid, known, value))
    for _ in range(6):
        bounds = {
            name: given.choice((None, float(given.randrange(20))))
            for name in ("start_valid", "end_valid", "start_known", "end_known")
        }
        await compare(place, model, bounds)


async def compare(place: Place, model: Model, bounds: dict[str, float | None]) -> None:
    found = model.fitting(**bounds)
    asked = {name: None if value is None else micros(value) for name, value in bounds.items()}
    flat = await read(place, **asked)
    assert [[hours(t), s, v] for t, s, v in flat] == model.flat(found)
    over = await read(place, overlapping=True, **asked)
    shown = [[hours(k), hours(t), s, v] for k, t, s, v in over]
    assert shown == model.overlapping(found)
    for mode in (False, True):
        rows = await read(place, overlapping=mode, all_versions=True, **asked)
        skip = 1 if mode else 0
        cut = [[r[skip + 1], hours(r[skip]), r[skip + 2], bool(r[-1])] for r in rows]
        assert cut == model.all_versions(found, flat=not mode)


async def test_an_update_is_a_version_with_the_known_time_of_its_run(place: Place) -> None:
    old = await run(place, ("wind", 0, 1.0), known_time=at(1))
    new = await run(place, ("wind", 0, 2.0), known_time=at(2))
    uuid = old.series["wind"].uuid
    done = await update(
        place,
        {"run_id": old.run_id, "tenant_id": msg.ZERO_TENANT, "series_id": uuid,
         "valid_time": at(0), "value": 9.0, "annotation": " why ", "tags": ["B ", "a", "b", " "]},
    )  # fmt: skip
    assert [(v.run_id, v.batch_id, v.series_id) for v in done.updated] == [
        (old.run_id, old.batch_id, uuid)
    ]
    assert [row[2] for row in await read(place)] == [2.0]  # the newer run still counts
    [first, changed, newest] = await read(place, overlapping=True, all_versions=True)
    assert [hours(row[4]) for row in (first, changed, newest)] == [1.0, 1.0, 2.0]
    assert changed[3] == 9.0
    assert changed[6:9] == ["why", ["a", "b"], "ann@example.com"]
    assert changed[9] > first[9]
    assert [row[10] for row in (first, changed, newest)] == [False, True, True]
    assert new.batch_id == 2


async def test_which_version_an_update_names(place: Place) -> None:
    old = await run(place, ("wind", 0, 1.0), known_time=at(1))
    await run(place, ("wind", 0, 2.0), known_time=at(2))
    one = {"name": "wind", "valid_time": at(0)}
    await update(place, {**one, "value": 20.0})
    await update(place, {**one, "known_time": at(1), "value": 10.0})
    assert [r[3] for r in await read(place, overlapping=True)] == [10.0, 20.0]
    await update(place, {**one, "batch_id": old.batch_id, "value": 11.0})
    assert [r[3] for r in await read(place, overlapping=True)] == [11.0, 20.0]
    await update(place, {**one, "run_id": old.batch_id, "value": 12.0})
    assert [r[3] for r in await read(place, overlapping=True)] == [12.0, 20.0]
    await update(place, {**one, "batch_id": old.run_id, "value": 13.0})
    assert [r[3] for r in await read(place, overlapping=True)] == [13.0, 20.0]


@pytest.mark.parametrize("given", ["\u00b2", "\u0661", "9" * 5000, 10**30, "-1", "1.0"])
async def test_an_id_that_is_no_number_of_ours(place: Place, given: str | int) -> None:
    made = await create(place, overlapping=True)
    await batch(place, made, (1, 5.0))
    for name in ("series_id", "batch_id", "run_id"):
        one = {"series_id": made.no, "valid_time": at(1), "value": 6, name: given}
        with pytest.raises(UserError, match=f"{name}.* is not a UUID"):
            await write(place, msg.UPDATE, {"updates": [one]})


async def test_left_out_null_and_given(place: Place) -> None:
    await run(place, ("wind", 0, 1.0))
    one = {"name": "wind", "valid_time": at(0)}
    await update(place, {**one, "annotation": "a", "tags": ["t"]})
    await update(place, {**one, "value": None})
    [*_, row] = await read(place, all_versions=True)
    assert (row[2], row[5], row[6]) == (None, "a", ["t"])
    await update(place, {**one, "annotation": "  ", "tags": [], "changed_by": "bob"})
    [*_, row] = await read(place, all_versions=True)
    assert (row[2], row[5], row[6], row[7]) == (None, None, [], "bob")


async def test_what_changes_nothing_is_skipped(place: Place) -> None:
    await run(place, ("wind", 0, 1.0), ("wind", 1, 1.0))
    done = await update(
        place,
        {"name": "wind", "valid_time": at(0), "value": 1.0, "tags": [" "], "annotation": ""},
        {"name": "wind", "valid_time": at(1), "value": 2.0},
    )
    assert [v.valid_time for v in done.skipped_no_ops] == [at(0)]
    assert [v.valid_time for v in done.updated] == [at(1)]
    assert await place.rows("select count() from table(timedb_values)") == [[3]]


async def test_the_last_of_several_updates_of_one_value_counts(place: Place) -> None:
    made = await run(place, ("wind", 0, 1.0))
    one = {"name": "wind", "valid_time": at(0)}
    done = await update(place, {**one, "value": 2.0}, {**one, "run_id": made.run_id, "value": 3.0})
    assert len(done.updated) == 1
    assert [row[2] for row in await read(place)] == [3.0]


async def test_an_update_of_a_run_can_be_its_first_value(place: Place) -> None:
    made = await run(place, ("wind", 0, 1.0), known_time=at(1))
    one = {"name": "wind", "valid_time": at(5), "value": 7.0}
    await update(place, {**one, "run_id": made.run_id})
    [*_, row] = await read(place, overlapping=True)
    assert (hours(row[0]), hours(row[1]), row[3]) == (1.0, 5.0, 7.0)
    with pytest.raises(NotFound, match="no such run"):
        await update(place, {**one, "run_id": "11111111-1111-4111-8111-111111111111",
                             "valid_time": at(6)})  # fmt: skip
    with pytest.raises(UserError, match="no value of series 'wind'"):
        await update(place, {**one, "valid_time": at(6)})


async def test_many_updates_of_several_series(place: Place) -> None:
    """More than a statement names, and not each series at each time."""
    count = 2_100
    first, second = await create(place, "a", overlapping=True), await create(place, "b")
    for series in (first, second):
        await batch(place, series, *((minute / 60, 0.0) for minute in range(count)))
    chosen = [(first if minute % 3 else second, minute) for minute in range(count)]
    done = await update(
        place,
        *(
            {"series_id": one.no, "valid_time": at(minute / 60), "value": minute + 1.0}
            for one, minute in chosen
        ),
    )
    assert len(done.updated) == count
    found = await place.rows(
        "select series_key, valid_time, value from timedb_flat where value > 0"
    )
    assert sorted((key, round(hours(t) * 60), v) for key, t, v in found) == sorted(
        (one.name, minute, minute + 1.0) for one, minute in chosen
    )


@pytest.mark.parametrize("most", [1 << 16, 500])
async def test_updates_that_name_versions_among_others(
    place: Place, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """More series than a statement lists, times with no common step, several runs of each; `most`:
    bytes of a condition, so that there are several."""
    monkeypatch.setattr("engine.timeseries.timedb_updates._CONDITION_BYTES_MAX", most)
    count = 130
    values = [(f"s{n}", n / 7 if n % 3 else 1e-9 * n, 1.0) for n in range(count)]
    runs = [await run(place, *values, known_time=at(known)) for known in range(3)]
    ways: list[dict[str, Any]] = [
        {},
        {"run_id": runs[0].run_id},
        {"batch_id": runs[1].batch_id},
        {"known_time": at(0)},
    ]
    chosen = [(key, valid, ways[n % 4], n % 4) for n, (key, valid, _) in enumerate(values) if n % 5]
    done = await update(
        place,
        *(
            {"name": key, "valid_time": at(valid), "value": way + 2.0, **names}
            for key, valid, names, way in chosen
        ),
    )
    assert len(done.updated) == len(chosen)
    rows = await read(place, overlapping=True)
    keys = {runs[0].series[key].no: key for key, _, _ in values}
    found = {(keys[s], int(hours(k)), v) for k, _, s, v in rows}
    expected = {(key, known, 1.0) for key, _, _ in values for known in range(3)}
    for key, _, _, way in chosen:
        known = (2, 0, 1, 0)[way]
        expected = expected - {(key, known, 1.0)} | {(key, known, way + 2.0)}
    assert found == expected
    assert len(rows) == 3 * count


async def test_all_updates_or_none(place: Place) -> None:
    await run(place, ("wind", 0, 1.0))
    good = {"name": "wind", "valid_time": at(0), "value": 5.0}
    for bad, text in (
        ({"name": "wind", "valid_time": at(0)}, "changes nothing"),
        ({**good, "run_id": "nonsense"}, "not a UUID"),
        ({**good, "name": "sun"}, "no series called 'sun'"),
        ({"valid_time": at(0), "value": 1}, "say which series"),
        ({**good, "valid_time": at(9)}, "no value"),
    ):
        with pytest.raises(UserError, match=text):
            await update(place, good, bad)
    with pytest.raises(UserError, match="is empty"):
        await update(place)
    foreign = await write(
        place, msg.UPDATE,
        {"updates": [good, {**good, "tenant_id": "11111111-1111-4111-8111-111111111111"}]},
    )  # fmt: skip
    assert isinstance(foreign, msg.ForeignTenant)
    assert [row[2] for row in await read(place)] == [1.0]


async def test_two_runs_that_know_at_the_same_time(place: Place) -> None:
    await run(place, ("wind", 0, 1.0), known_time=at(1))
    await run(place, ("wind", 0, 2.0), known_time=at(1))
    assert [row[2] for row in await read(place)] == [2.0]
    assert [row[3] for row in await read(place, overlapping=True)] == [2.0]
    versions = await read(place, overlapping=True, all_versions=True)
    assert [row[3] for row in versions] == [1.0, 2.0]


async def test_a_reading_of_more_series_than_a_statement_lists(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.timeseries.timedb_reads.LISTED_MAX", 0)
    for site in ("a", "b", "it's \\n odd\\"):
        series = await create(place, labels={"site": site, "all": "1"})
        await batch(place, series, (0, 1.0))
    other = await create(place, "sun", labels={"all": ""})
    await batch(place, other, (0, 1.0))
    assert len(await read(place, among={"labels": {"all": "1"}})) == 3
    assert len(await read(place, among={"name": "wind"})) == 3
    assert len(await read(place, among={"labels": {"site": "it's \\n odd\\"}})) == 1
    assert await read(place, among={"name": "moon"}) == []


async def test_times_are_iso_texts_with_the_fraction_that_they_have(place: Place) -> None:
    series = await create(place, "fractions")
    times = [
        "0001-01-01T00:00:00+00:00", "1969-12-31T23:59:59.500000+00:00",
        "1969-12-31T23:59:59.999999+00:00", "1970-01-01T00:00:00+00:00",
        "2025-01-01T00:00:00.000001+00:00", "9999-12-31T23:59:59+00:00",
    ]  # fmt: skip
    data = [{"valid_time": time, "value": 1.0} for time in times]
    made = await write(place, msg.INSERT_VALUES, {"series_id": series.no, "data": data})
    assert isinstance(made, msg.ValuesMade), made
    among = msg.SeriesFilter(name="fractions")
    for overlapping in (False, True):
        asked = msg.ReadFilter(among=among, numbers=True, overlapping=overlapping)
        found = await ask(place, msg.READING, asked, msg.Reading)
        rows = await place.rows(found.sql)
        assert [row[overlapping] for row in rows] == times
