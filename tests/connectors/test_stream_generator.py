"""Source stream_generator: rate, content, determinism, refusals; all in virtual time."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from virtual import VirtualTime

from connectors import codec, properties, registry
from connectors.contract import Source, SourceBatch, SourceContext
from engine.errors import UserError

SPEC = registry.source("stream_generator")


def make(time: VirtualTime, columns: tuple[str, ...] | None = None, **given: Any) -> Source:
    config = properties.parse(SPEC.config, {"template": "iot", **given})
    return SPEC.create(config, SourceContext("id", time.clock, time.sleep, columns))


async def run_for(time: VirtualTime, source: Source, milliseconds: int) -> list[SourceBatch]:
    batches: list[SourceBatch] = []

    async def read() -> None:
        await source.connect()
        async for batch in source.batches():
            batches.append(batch)  # noqa: PERF401 - it never ends by itself

    task = asyncio.create_task(read())
    await time.advance(milliseconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await source.close()
    return batches


async def test_default_is_one_event_each_200_ms() -> None:
    time = VirtualTime()
    batches = await run_for(time, make(time), 1999)
    assert [batch.events for batch in batches] == [1] * 10


async def test_batch_makes_so_many_events_each_interval() -> None:
    time = VirtualTime()
    batches = await run_for(time, make(time, interval="1s", batch=25), 2500)
    assert [batch.events for batch in batches] == [25, 25, 25]


@pytest.mark.parametrize(("interval", "expected"), [("2us", 500_000), ("1ms", 1000), ("7ms", 143)])
async def test_rate_of_short_intervals_is_kept_in_groups(interval: str, expected: int) -> None:
    time = VirtualTime()
    batches = await run_for(time, make(time, interval=interval), 1000)
    made = sum(batch.events for batch in batches)
    assert abs(made - expected) <= expected * 0.03 + 3
    assert len(batches) <= 200 + made / 4000


async def test_events_of_a_group_carry_their_own_instants() -> None:
    time = VirtualTime()
    batches = await run_for(time, make(time, ("time",), interval="5ms"), 200)
    times = [datetime.fromisoformat(e["time"]) for b in batches for e in codec.events(b)]
    steps = {round((b - a).total_seconds() * 1000) for a, b in pairwise(times)}
    assert steps == {5}


async def test_a_generator_that_was_held_up_does_not_flood() -> None:
    time = VirtualTime()
    source = make(time, interval="1ms")
    await source.connect()
    stream = source.batches()
    await anext(stream)
    time.clock.advance(60_000)
    task = asyncio.ensure_future(anext(stream))
    await time.advance(100)
    first = await task
    assert first.events <= 1200
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", ["iot", "user_logins", "devops"])
async def test_same_seed_same_events(template: str) -> None:
    async def events(seed: int) -> list[dict[str, Any]]:
        time = VirtualTime(seed)
        batches = await run_for(time, make(time, template=template), 4000)
        return [event for batch in batches for event in codec.events(batch)]

    assert await events(5) == await events(5)
    assert await events(5) != await events(6)


async def test_iot_fits_device_number_time() -> None:
    time = VirtualTime()
    target = ("device", "number", "time", "other")
    batches = await run_for(time, make(time, target, batch=500), 100)
    events = list(codec.events(batches[0]))
    assert list(events[0]) == ["device", "number", "time"]
    assert {type(event["device"]) for event in events} == {str}
    assert all(0 <= event["number"] <= 100 for event in events)
    assert len({event["device"] for event in events}) == 20


@pytest.mark.parametrize("seed", range(1, 9))
async def test_no_place_is_without_a_sensor(seed: int) -> None:
    """Filters by a place of the sample find rows, whatever the seed is."""
    time = VirtualTime(seed)
    batches = await run_for(time, make(time, ("device", "location"), batch=500), 100)
    places: dict[str, set[str]] = {}
    for event in codec.events(batches[0]):
        places.setdefault(event["location"], set()).add(event["device"])
    assert sorted(places) == ["cold store", "hall", "lab", "office", "roof", "yard"]
    assert min(map(len, places.values())) >= 3


async def test_sensor_readings_wander_instead_of_jumping() -> None:
    time = VirtualTime()
    batches = await run_for(time, make(time, ("device", "number"), batch=4000), 100)
    per_device: dict[str, list[float]] = {}
    for event in codec.events(batches[0]):
        per_device.setdefault(event["device"], []).append(event["number"])
    for readings in per_device.values():
        jumps = [abs(b - a) for a, b in pairwise(readings)]
        assert sum(jumps) / len(jumps) < 5
        assert max(readings) - min(readings) > 5


async def test_logins_have_a_few_attackers_that_mostly_fail() -> None:
    time = VirtualTime()
    batches = await run_for(time, make(time, template="user_logins", batch=4000), 100)
    rates: dict[str, list[bool]] = {}
    for event in codec.events(batches[0]):
        rates.setdefault(event["user"], []).append(event["success"])
    often = {user: sum(r) / len(r) for user, r in rates.items() if len(r) >= 10}
    assert any(rate < 0.2 for rate in often.values())
    assert sorted(often.values())[len(often) // 2] > 0.85


async def test_a_stream_without_any_fitting_column_is_refused() -> None:
    time = VirtualTime()
    with pytest.raises(UserError, match="none of the columns of template 'iot': device"):
        await make(time, ("a", "b")).connect()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"template": "weather"}, "property 'template' does not fit"),
        ({"template": None}, "property 'template' is required"),
        ({"interval": "soon"}, "is not a duration"),
        ({"interval": "0"}, "above 0"),
        ({"interval": "-5s"}, "above 0"),
        ({"interval": "1us"}, "the most is 500,000"),
        ({"interval": "1ms", "batch": 1000}, "the most is 500,000"),
        ({"batch": 0}, "property 'batch' does not fit"),
    ],
)
def test_bad_properties_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        properties.parse(SPEC.config, {"template": "iot", **given})
    assert caught.value.code == 400


@pytest.mark.parametrize("template", ["iot", "user_logins", "devops"])
async def test_a_seed_gives_the_same_events_at_each_start(template: str) -> None:
    texts: list[bytes] = []
    for seed in (7, 7, 8):
        time = VirtualTime()
        made = make(time, template=template, seed=seed, batch=50)
        batches = await run_for(time, made, 1000)
        texts.append(b"".join(message for batch in batches for message in batch.messages))
    assert texts[0] == texts[1] != texts[2]
