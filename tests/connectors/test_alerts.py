"""Alerts in virtual time: one message for each change, whatever fails on either side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from background import BackgroundEngine, Target, arrives_unknown, fails, refuses
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual import VirtualTime

from connectors import incidents, registry
from connectors.alerts import AlertRunner, resolve_stopped
from connectors.contract import AlertDefinition
from connectors.sink_contract import Delivery
from engine.errors import EngineUnavailable, NotFound
from engine.protocol import Position, ResultColumn

ID = "0b2f9d7e-0000-4000-8000-000000000002"
OWNER = f"alert:{ID}"
ALERT = AlertDefinition(
    ID, "default", "too hot", "target", 1, {},
    (ResultColumn("n", "int64"), ResultColumn("device", "string")),
    (ResultColumn("n", "int64"),),
)  # fmt: skip


class World:
    """An alert, its engine and its target."""

    def __init__(self, delivery: Delivery | None = None) -> None:
        self.time = VirtualTime()
        self.engine = BackgroundEngine(OWNER)
        self.target = Target(delivery)
        registry.sinks()["target"] = self.target.spec()
        self.count = 0
        self.runner = self.started()

    def started(self) -> AlertRunner:
        """A runner as a new process would have it."""
        runner = AlertRunner(ALERT, self.engine.around(self.time))
        runner.start()
        return runner

    async def rows(self, queries: str) -> None:
        """One append: rows of the trigger (t) and the resolve (r), then time for it."""
        self.put(queries)
        await self.time.advance(10)

    def put(self, queries: str) -> None:
        """One append, without time."""
        blocks: list[tuple[int, list[list[Any]]]] = []
        for letter in queries:
            self.count += 1
            query = 0 if letter == "t" else 1
            values = [self.count, f"d{self.count}"] if query == 0 else [self.count]
            if blocks and blocks[-1][0] == query:
                blocks[-1][1].append(values)
            else:
                blocks.append((query, [values]))
        self.engine.append(OWNER, *blocks)

    @property
    def hidden(self) -> Any:
        """The hidden stream."""
        return self.engine.hidden[OWNER]

    def instance(self) -> dict[str, Any]:
        """What is saved, as the control plane reads it."""
        return msgspec.json.decode(self.hidden.records["instance"])

    def told(self) -> list[tuple[str, int]]:
        """What the target was told: the kind, and the number in the row."""
        return [
            (dict(row.headers)["X-Alert-Status"], msgspec.json.decode(bytes(row.values[0])))
            for row in self.target.taken
        ]

    def kill(self) -> None:
        """The connector process dies."""
        task = self.runner._task
        assert task is not None
        task.cancel()


@pytest.fixture(autouse=True)
def types() -> Iterator[None]:
    """The target's type is known during a test."""
    yield
    registry.sinks().pop("target", None)


async def test_one_message_for_each_change() -> None:
    world = World()
    await world.rows("ttt")
    await world.rows("t")
    assert world.told() == [("triggered", 1)]
    await world.rows("rr")
    await world.rows("r")
    await world.rows("t")
    assert world.told() == [("triggered", 1), ("resolved", 5), ("triggered", 8)]
    first, second = (dict(world.target.taken[i].headers)["X-Incident-Id"] for i in (0, 2))
    assert first != second
    assert dict(world.target.taken[1].headers)["X-Incident-Id"] == first
    assert world.target.taken[0].event_id == f"{first}-triggered"
    saved = world.instance()
    assert (saved["id"], saved["status"], saved["pending"]) == (second, "triggered", [])
    assert [moment["type"] for moment in saved["timeline"]] == [
        "triggered",
        "resolved",
        "triggered",
    ]
    stats = world.runner.stats(600_000, 600_000)
    assert (stats.received, stats.sent, stats.dropped) == (3, 3, 0)
    await world.runner.stop()
    assert world.target.open == 0


async def test_a_trigger_and_a_resolve_of_one_append_keep_their_order() -> None:
    world = World()
    await world.rows("trtr")
    assert world.told() == [("triggered", 1), ("resolved", 2), ("triggered", 3), ("resolved", 4)]
    assert world.instance()["status"] == "resolved"
    await world.runner.stop()


async def test_what_the_sink_is_made_with() -> None:
    world = World()
    await world.rows("tr")
    # The first two are the checks of the definition.
    triggered, resolved = world.target.contexts[2:]
    assert (triggered.purpose, resolved.purpose) == ("triggered", "resolved")
    assert triggered.title == "Alert too hot is triggered"
    assert [column.name for column in triggered.columns] == ["n", "device"]
    assert [column.name for column in resolved.columns] == ["n"]
    row = world.target.taken[0]
    shown = [bytes(value).decode() for value in row.values]
    incident = dict(row.headers)["X-Incident-Id"]
    assert shown == ["1", '"d1"', '"too hot"', "1", '"triggered"', f'"{incident}"']
    await world.runner.stop()


async def test_the_change_is_durable_before_it_is_told() -> None:
    world = World()
    world.target.gate = asyncio.Event()
    await world.rows("t")
    saved = world.instance()
    assert (saved["status"], len(saved["pending"])) == ("triggered", 1)
    assert world.hidden.position == Position(0, 0)
    assert world.target.taken == []
    world.kill()  # while it is on its way
    await world.time.settle()
    world.runner = world.started()
    world.target.gate.set()
    await world.time.advance(100)
    # It was tried twice, with the same id; the row fired once.
    assert {row[0].event_id for row in world.target.attempts} == {f"{saved['id']}-triggered"}
    assert len(world.target.attempts) == 2
    assert world.instance()["pending"] == []
    await world.runner.stop()


async def test_a_restart_fires_nothing_again() -> None:
    world = World()
    await world.rows("tt")
    await world.runner.stop()
    assert world.hidden.position == Position(0, 1)
    world.runner = world.started()
    await world.rows("t")
    assert world.told() == [("triggered", 1)]
    await world.rows("r")
    assert world.told()[1:] == [("resolved", 4)]
    await world.runner.stop()


async def test_a_manual_resolve_running_and_stopped() -> None:
    world = World()
    await world.rows("tt")
    await world.runner.resolve()
    saved = world.instance()
    assert (saved["status"], len(saved["timeline"])) == ("resolved", 2)
    await world.runner.resolve()
    assert world.instance() == saved
    assert world.told() == [("triggered", 1)]
    await world.rows("rt")
    assert world.told()[1:] == [("triggered", 4)]
    await world.runner.stop()
    for _ in range(2):
        await resolve_stopped(world.engine, OWNER, world.time.clock)
        assert (world.instance()["status"], len(world.instance()["timeline"])) == ("resolved", 4)
    world.runner = world.started()
    await world.rows("t")
    assert world.told()[2:] == [("triggered", 5)]
    await world.runner.stop()
    with pytest.raises(NotFound):
        await resolve_stopped(world.engine, "alert:unknown", world.time.clock)


async def test_a_manual_resolve_without_an_engine_says_so() -> None:
    world = World()
    await world.rows("t")
    world.engine.die()
    await world.time.advance(100)
    with pytest.raises(EngineUnavailable):
        await world.runner.resolve()
    world.engine.restart()
    await world.time.advance(3_000)
    await world.runner.resolve()
    assert world.instance()["status"] == "resolved"
    await world.runner.stop()


async def test_rows_are_watched_while_the_target_is_away() -> None:
    world = World(Delivery(interval=10.0))
    world.target.answers = [fails("Nobody at host.")] * 3
    await world.rows("t")
    status = world.runner.status()
    assert (status.status, status.message) == ("failed", "Nobody at host.")
    await world.rows("r")
    assert world.instance()["status"] == "resolved"
    assert world.told() == []
    await world.time.advance(31_000)
    assert world.told() == [("triggered", 1), ("resolved", 2)]
    assert world.runner.status().status == "running"
    await world.runner.stop()


async def test_a_message_that_is_refused_is_a_dead_letter() -> None:
    world = World()
    world.target.answers = [refuses(0, message="status 404.")]
    await world.rows("tr")
    assert world.told() == [("resolved", 2)]
    (letter,) = world.hidden.letters
    assert msgspec.json.decode(letter.raw) == {"n": 1, "device": "d1"}
    assert letter.error == "status 404."
    assert letter.origin == f"{world.instance()['id']}-triggered"
    assert world.runner.status().message == "status 404."
    await world.runner.stop()


async def test_too_many_waiting_messages_are_dead_letters_oldest_first() -> None:
    world = World(Delivery(interval=1000.0))
    world.target.answers = [fails("away")]
    await world.rows("tr" * 10)
    saved = world.instance()
    assert [m["row"][0] for m in saved["pending"]] == list(range(5, 21))
    assert [msgspec.json.decode(letter.raw)["n"] for letter in world.hidden.letters] == [1, 2, 3, 4]
    assert len(saved["pending"]) == incidents.PENDING_MAX
    assert saved["status"] == "resolved"
    await world.time.advance(1_100_000)
    assert [number for _, number in world.told()][-16:] == list(range(5, 21))
    await world.runner.stop()


async def test_positions_that_change_nothing_are_stored_now_and_then() -> None:
    world = World()
    await world.rows("t")
    before = world.engine.advances
    for _ in range(50):
        await world.rows("tt")
    assert world.engine.advances - before <= 1
    await world.time.advance(2_000)
    assert world.hidden.position == Position(50, 1)
    await world.runner.stop()


async def test_other_queries_begin_with_a_resolved_state() -> None:
    world = World()
    await world.rows("t")
    world.engine.begin_anew(OWNER)
    await world.time.advance(70_000)
    await world.rows("t")
    assert world.told() == [("triggered", 1), ("triggered", 2)]
    assert len(world.instance()["timeline"]) == 1
    await world.runner.stop()


EVENTS = st.sampled_from(
    ["t", "r", "tt", "tr", "rt", "trt", "fail", "unknown", "refuse", "die", "restart", "lose",
     "kill", "time", "hand"]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_each_change_is_told_whatever_fails(events: list[str]) -> None:
    asyncio.run(_play(events))


async def _heal(world: World) -> None:
    world.target.answers.clear()
    world.engine.lose_answers = 0
    world.engine.restart()
    await world.time.advance(70_000)


async def _play(events: list[str]) -> None:
    world = World()
    answers = {
        "fail": fails(), "unknown": arrives_unknown(world.target), "refuse": refuses(0),
    }  # fmt: skip
    triggered = False
    expected: list[tuple[str, int]] = []
    for event in events:
        if event in answers:
            world.target.answers.append(answers[event])
        elif event == "die":
            world.engine.die()
        elif event == "restart":
            world.engine.restart()
        elif event == "lose":
            world.engine.lose_answers += world.engine.up
        elif event == "kill":
            world.kill()
            await world.time.settle()
            world.runner = world.started()
        elif event == "time":
            await world.time.advance(700)
        elif event == "hand":
            await _heal(world)
            await world.runner.resolve()
            triggered = False
        else:
            first = world.count + 1
            world.put(event)
            for number, letter in enumerate(event, first):
                if triggered == (letter == "r"):
                    triggered = letter == "t"
                    expected.append(("triggered" if triggered else "resolved", number))
    await _heal(world)
    given_up = [(letter.origin, letter.raw) for letter in world.hidden.letters]
    assert len(given_up) == len(set(given_up))
    lost = [msgspec.json.decode(raw)["n"] for _, raw in given_up]
    told = world.told()
    assert {n for _, n in told} | set(lost) == {n for _, n in expected}
    # Each with one id, a trigger and its resolve with the same incident, in their order.
    ids = {(row.event_id, n) for row, (_, n) in zip(world.target.taken, told, strict=True)}
    assert len(ids) == len({n for _, n in ids}) == len({i for i, _ in ids})
    first_times = list(dict.fromkeys(told))
    assert first_times == sorted(first_times, key=lambda one: one[1])
    assert set(first_times) <= set(expected)
    status = "triggered" if triggered else "resolved"
    assert world.runner._instance.status == status
    assert world.runner.stats(1, 1).buffered == 0
    await world.runner.stop()
