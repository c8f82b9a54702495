"""A dead-letter stream that is full: who gives up more of it waits, says so, and goes on then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from background import HEADER, BackgroundEngine, NoConfig, Target, refuses
from virtual import VirtualTime

from connectors import incidents, registry
from connectors.alerts import WATCHES_NOT, AlertRunner
from connectors.contract import (
    AlertAction,
    AlertDefinition,
    SinkDefinition,
    SourceBatch,
    SourceDefinition,
    SourceSpec,
)
from connectors.runner import SourceRunner
from connectors.sink_contract import NotDelivered, Refusal
from connectors.sink_runner import SinkRunner
from engine.errors import StorageFull
from engine.source_appends import SourceAck, SourceAppend
from tests.journeys.waiting import within

ID = "0b2f9d7e-0000-4000-8000-000000000003"
FULL = "The dead-letter stream _dlq_x is full."


class FullEngine(BackgroundEngine):
    """Takes no dead letters while it is full."""

    full = True

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        if request.letters and self.full:
            raise StorageFull(FULL)
        return await super().append_source(request, body)

    async def advance(self, *given: Any) -> None:
        if len(given) > 3 and given[3] and self.full:
            for _ in range(6):  # others ask for a commit meanwhile
                await asyncio.sleep(0)
            raise StorageFull(FULL)
        await super().advance(*given)


class World:
    """An engine that is full, a target that refuses what comes first, and time."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.engine = FullEngine(f"sink:{ID}", f"alert:{ID}")
        self.target = Target()
        self.target.answers = [refuses(0)]
        registry.sinks()["target"] = self.target.spec()


@pytest.fixture
def world() -> Iterator[World]:
    """One, whose target is known as a type."""
    yield World()
    registry.sinks().pop("target", None)


async def waits(world: World, runner: SourceRunner | SinkRunner | AlertRunner) -> None:
    """It waits for minutes without filling its log, and goes on once there is room."""
    await world.time.advance(300_000)
    status = runner.status()
    assert (status.status, status.message) == ("failed", FULL)
    lines = runner.log.newest(500)
    assert sum(FULL in line for line in lines) < 30
    world.engine.full = False
    await world.time.advance(61_000)
    assert runner.status().status == "running"


async def test_a_source_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Given:
        """Two messages, of which the first does not fit."""

        async def connect(self) -> None:
            pass

        async def batches(self) -> AsyncIterator[SourceBatch]:
            yield SourceBatch((b"no json", b'{"n":1}'), 0.0)
            await world.time.sleep(1e9)

        async def acknowledge(self, tokens: object) -> None:
            pass

        async def close(self) -> None:
            pass

    spec = SourceSpec("g", "G", "g", "at least once", "g", NoConfig, lambda *_: Given())
    monkeypatch.setattr(registry, "sources", lambda: {"g": spec})
    definition = SourceDefinition(ID, "default", "x", "g", "s")
    runner = SourceRunner(definition, world.engine.around(world.time))
    runner.start()
    await waits(world, runner)
    assert world.engine.messages == [b'{"n":1}']
    assert [letter.raw for letter in world.engine.letters] == ["no json"]
    # It is full again: a stop does not wait for room.
    world.engine.full, world.engine.messages = True, []
    again = SourceRunner(definition, world.engine.around(world.time))
    again.start()
    await world.time.advance(1_000)
    assert again.status().status == "failed"
    async with within(5):
        await again.stop()
    assert again.status().status == "stopped"
    assert world.engine.messages == []


async def test_a_sink_waits(world: World) -> None:
    sink = SinkDefinition(ID, "default", "x", "target", {}, HEADER)
    runner = SinkRunner(sink, world.engine.around(world.time))
    runner.start()
    for number in range(3):
        world.engine.append(f"sink:{ID}", (0, [[number, "t"]]))
    await waits(world, runner)
    assert len(world.engine.hidden[f"sink:{ID}"].letters) == 1
    assert world.target.numbers() == [1, 2]


async def test_an_alert_waits(world: World) -> None:
    alert = AlertDefinition(ID, "default", "x", "target", 1, {}, HEADER, HEADER)
    runner = AlertRunner(alert, world.engine.around(world.time))
    runner.start()
    world.target.answers = [refuses(0)] * 30
    world.engine.append(f"alert:{ID}", (0, [[1, "t"]]))
    await waits(world, runner)
    assert len(world.engine.hidden[f"alert:{ID}"].letters) == 1
    assert world.target.taken == []


@pytest.mark.parametrize("turns", range(12))
async def test_an_action_that_waits_for_room_holds_up_no_other(world: World, turns: int) -> None:
    """However their commits meet: no message is lost, none is told again."""
    other = Target()

    async def taken() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    other.before_answer = taken
    registry.sinks()["target2"] = other.spec("target2")
    actions = (AlertAction("target2"),)
    alert = AlertDefinition(ID, "default", "x", "target", 1, {}, HEADER, HEADER, actions=actions)
    runner = AlertRunner(alert, world.engine.around(world.time))
    runner.start()
    world.target.answers = [refuses(0)] * 30
    for query in (0, 1):
        world.engine.append(f"alert:{ID}", (query, [[query, "t"]]))
    try:
        await waits(world, runner)
    finally:
        registry.sinks().pop("target2")
    assert other.numbers() == [0, 1]
    letters = world.engine.hidden[f"alert:{ID}"].letters
    assert [letter.origin.split("-")[-1] for letter in letters] == ["triggered", "resolved"]
    assert world.target.taken == []
    await runner.stop()


async def test_an_alert_that_can_keep_no_more_messages_says_that_it_watches_no_rows(
    world: World,
) -> None:
    """Whatever its actions say meanwhile; nothing is lost, and it goes on by itself."""
    alert = AlertDefinition(ID, "default", "x", "target", 1, {}, HEADER, HEADER)
    runner = AlertRunner(alert, world.engine.around(world.time))
    runner.start()

    def away(_: object) -> Sequence[Refusal]:
        raise NotDelivered("The target is away.")

    world.target.answers = [away] * 10_000
    for number in range(incidents.PENDING_MAX + 4):
        world.engine.append(f"alert:{ID}", (number % 2, [[number, "t"]]))
    for _ in range(30):
        await world.time.advance(10_000)
        status = runner.status()
        assert (status.status, status.message) == ("failed", f"{WATCHES_NOT} {FULL}")
    assert f"{incidents.PENDING_MAX} messages wait" in runner.status().message
    assert "once that one is delivered or there is room" in runner.status().message
    world.target.answers = []
    await world.time.advance(200_000)
    assert runner.status().status == "running"
    assert world.target.numbers() == list(range(incidents.PENDING_MAX + 4))
    assert world.engine.hidden[f"alert:{ID}"].letters == []
    await runner.stop()
