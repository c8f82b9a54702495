"""Lists of series of the TimeDB API: what each shows, in which order, also after new series."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from engine.timeseries import timedb_lists
from engine.timeseries import timedb_messages as msg
from tests.engine.place import Place
from tests.engine.timedb_calls import ask, create, listed

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILTERS: list[dict[str, Any]] = [
    {},
    {"labels": {"site": "north"}},
    {"labels": {"site": "north", "kind": "wind"}},
    {"name": "a"},
    {"name": "a", "labels": {"kind": ""}},
    {"unit": "MW"},
    {"unit": "MW", "labels": {"site": "south"}},
    {"labels": {"site": "moon"}},
    {"series_id": "3"},
    {"series_id": "3", "name": "nobody"},
]


def fits(series: msg.Series, asked: dict[str, Any]) -> bool:
    """What the contract says of filters."""
    return (
        asked.get("name", series.name) == series.name
        and asked.get("unit", series.unit) == series.unit
        and asked.get("series_id", str(series.no)) == str(series.no)
        and asked.get("labels", {}).items() <= series.labels.items()
    )


async def compare(place: Place, made: list[msg.Series]) -> None:
    """Every filter in every form against what was made."""
    for asked in FILTERS:
        found = [s for s in made if fits(s, asked)]
        found.sort(key=lambda s: (s.name, s.unit, s.no))
        for form in ("numbers", "uuids"):
            numbers = form == "numbers"
            assert await listed(place, form, **asked) == [
                msg.ShownSeries(
                    s.no if numbers else s.uuid, s.name, s.description, s.unit, s.labels,
                    s.overlapping, "medium",
                    series_uuid=s.uuid if numbers else msgspec.UNSET,
                    series_no=msgspec.UNSET if numbers else s.no,
                )
                for s in found
            ]  # fmt: skip
        among = msg.SeriesFilter(**asked)
        assert await ask(place, msg.COUNT, among, int) == len(found)
        for key in ("site", "kind"):
            values = await ask(place, msg.LABELS, msg.LabelsOf(key=key, among=among), bytes)
            there = {s.labels[key] for s in found if key in s.labels}
            assert msgspec.json.decode(b"[%b]" % values) == sorted(there)


@pytest.mark.parametrize(("quick", "kept"), [(2_000, 32), (2_000, 5), (0, 32)])
async def test_a_list_shows_what_there_is_now(
    place: Place, monkeypatch: pytest.MonkeyPatch, quick: int, kept: int
) -> None:
    """Asked again and again while series come, in pages, over a restart; `quick`: series beyond
    which a thread does it; `kept`: answers."""
    monkeypatch.setattr(timedb_lists, "QUICK_SERIES", quick)
    monkeypatch.setattr(timedb_lists, "PIECES_MAX", 5)
    monkeypatch.setattr(timedb_lists, "ANSWERS_MAX", kept)
    monkeypatch.setattr(timedb_lists, "_STEP", 3)
    for module in (timedb_lists, msg):
        monkeypatch.setattr(module, "PAGE", 4)
    given = random.Random(quick)
    made: list[msg.Series] = []
    await create(place, "z")
    made = [await create(place, "z")]
    for number in range(24):
        labels = {"number": str(number)}
        for key, values in {
            "site": ("north", "south", "\u00e9", "\U0001f600"),
            "kind": ("wind", ""),
        }.items():
            if given.random() < 0.8:
                labels[key] = given.choice(values)
        name, unit = given.choice(("a", "b", "\uffe6", "\U0001f600")), given.choice(("MW", "kW"))
        made.append(
            await create(place, name, unit=unit, labels=labels, description=f'it\'s "{number}"')
        )
        if number % 8 == 0:
            await compare(place, made)
    await compare(place, made)
    await place.restart()
    await compare(place, made)


async def test_the_series_of_a_tenant_by_uuid(place: Place) -> None:
    first, second = await create(place, "b"), await create(place, "a", description="text")
    found = await ask(
        place, msg.SERIES, msg.ListOf(among=msg.SeriesFilter(), form="keys"), msg.Found
    )
    shown = msgspec.json.decode(b"{%b}" % found.first)
    assert list(shown.items()) == [
        (second.uuid, {"series_key": "a", "description": "text", "unit": "dimensionless"}),
        (first.uuid, {"series_key": "b", "description": None, "unit": "dimensionless"}),
    ]


async def test_who_holds_an_answer_is_told_whether_it_is_still_right(place: Place) -> None:
    await create(place, "a")

    async def again(held: msg.Found) -> msg.Found:
        asked = msg.ListOf(among=msg.SeriesFilter(unit="MW"), held=held.version)
        return await ask(place, msg.SERIES, asked, msg.Found)

    empty = await again(msg.Found(b"", b""))
    assert (empty.first, bool(empty.version)) == (b"", True)
    await create(place, "b", unit="MW")
    found = await again(empty)
    assert b'"b"' in found.first
    assert await again(found) == msg.Found(b"", b"", found.version)
    await place.restart()  # as many series as before, but nobody promises that they are the same
    after = await again(found)
    assert (after.first, after.version != found.version) == (found.first, True)
