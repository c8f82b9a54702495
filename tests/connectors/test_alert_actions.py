"""Several actions of an alert, and its cool-down: in virtual time, over kills."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from background import BackgroundEngine, Target, fails, refuses
from virtual import VirtualTime

from connectors import registry
from connectors.alerts import AlertRunner
from connectors.contract import AlertAction, AlertDefinition
from connectors.sink_contract import Delivery
from engine.protocol import ResultColumn

ID = "0b2f9d7e-0000-4000-8000-000000000004"
OWNER = f"alert:{ID}"
HEADER = (ResultColumn("n", "int64"),)
MINUTE = 60_000


class World:
    """An alert with targets `first`, `second` and so on."""

    def __init__(self, targets: int = 1, cooldown_ms: int = 0) -> None:
        self.time = VirtualTime()
        self.engine = BackgroundEngine(OWNER)
        self.targets = [Target(Delivery(interval=10.0)) for _ in range(targets)]
        for at, target in enumerate(self.targets):
            registry.sinks()[f"target{at}"] = target.spec(f"target{at}")
        actions = tuple(AlertAction(f"target{at}") for at in range(1, targets))
        self.definition = AlertDefinition(
            ID, "default", "hot", "target0", 1, {}, HEADER, HEADER,
            actions=actions, cooldown_ms=cooldown_ms,
        )  # fmt: skip
        self.count = 0
        self.runner = self.started()

    def started(self) -> AlertRunner:
        """A runner as a new process would have it."""
        runner = AlertRunner(self.definition, self.engine.around(self.time))
        runner.start()
        return runner

    async def killed(self) -> None:
        """The connector process dies, and there is a new one."""
        task = self.runner._task
        assert task is not None
        task.cancel()
        await self.time.settle()
        self.runner = self.started()
        await self.time.advance(10)

    async def rows(self, queries: str) -> None:
        """An append for each letter: t of the trigger, r of the resolve."""
        for letter in queries:
            self.count += 1
            self.engine.append(OWNER, (0 if letter == "t" else 1, [[self.count]]))
            await self.time.advance(10)

    def told(self, target: int = 0) -> list[tuple[str, int]]:
        """What a target was told: the kind, and the number in the row."""
        return [
            (dict(row.headers)["X-Alert-Status"], msgspec.json.decode(bytes(row.values[0])))
            for row in self.targets[target].taken
        ]

    def ids(self, target: int) -> list[str]:
        """The event ids that it was told."""
        return [row.event_id for row in self.targets[target].taken]

    def letters(self) -> list[tuple[str, str]]:
        """Origin and reason of what was given up."""
        return [(each.origin, each.error) for each in self.engine.hidden[OWNER].letters]

    def instance(self) -> dict[str, Any]:
        """What is saved."""
        return msgspec.json.decode(self.engine.hidden[OWNER].records["instance"])


@pytest.fixture(autouse=True)
def types() -> Iterator[None]:
    """The targets' types are known during a test."""
    yield
    for name in [name for name in registry.sinks() if name.startswith("target")]:
        registry.sinks().pop(name)


async def test_each_action_tells_of_each_change_with_an_id_of_its_own() -> None:
    world = World(3)
    await world.rows("tr")
    for target in range(3):
        assert world.told(target) == [("triggered", 1), ("resolved", 2)]
    incident = world.instance()["id"]
    assert world.ids(0) == [f"{incident}-triggered", f"{incident}-resolved"]
    assert world.ids(2) == [f"{incident}-triggered-2", f"{incident}-resolved-2"]
    assert {dict(row.headers)["X-Incident-Id"] for t in world.targets for row in t.taken} == {
        incident
    }
    stats = world.runner.stats(MINUTE, MINUTE)
    assert (stats.received, stats.sent, stats.buffered) == (6, 6, 0)
    await world.runner.stop()


async def test_one_that_fails_holds_up_no_other() -> None:
    world = World(2)
    world.targets[0].answers = [fails("Nobody at host.")] * 3
    await world.rows("trt")
    assert world.told(1) == [("triggered", 1), ("resolved", 2), ("triggered", 3)]
    assert world.told(0) == []
    status = world.runner.status()
    assert (status.status, status.message) == ("failed", "Nobody at host.")
    assert [each["waiting"] for each in world.instance()["pending"]] == [[0], [0], [0]]
    # After a kill only what is missing is sent.
    await world.killed()
    world.targets[0].answers.clear()
    await world.time.advance(30_000)
    assert world.told(0) == [("triggered", 1), ("resolved", 2), ("triggered", 3)]
    assert len(world.told(1)) == 3
    assert world.runner.status().status == "running"
    await world.runner.stop()


async def test_what_is_refused_or_too_much_is_given_up_for_that_action_alone() -> None:
    world = World(2)
    world.targets[1].answers = [refuses(0, message="status 404.")]
    await world.rows("t")
    incident = world.instance()["id"]
    assert world.letters() == [(f"{incident}-triggered-1", "status 404.")]
    world.targets[0].answers = [fails("away")] * 99
    await world.rows("rt" * 9)
    assert len(world.told(1)) == 18, "all but the refused one"
    assert len(world.letters()) == 3
    assert all(not origin.endswith("-1") for origin, _ in world.letters()[1:])
    await world.runner.stop()


async def test_a_trigger_within_the_cool_down_waits_and_is_told_if_it_lasts() -> None:
    world = World(1, 10 * MINUTE)
    await world.rows("tr")
    assert world.told() == [("triggered", 1), ("resolved", 2)]
    await world.rows("t")
    assert world.instance()["status"] == "triggered", "the state is what it is"
    assert len(world.told()) == 2
    await world.killed()
    await world.time.advance(9 * MINUTE)
    assert len(world.told()) == 2
    await world.time.advance(2 * MINUTE)
    assert world.told()[2:] == [("triggered", 3)]
    assert world.ids(0)[2] == f"{world.instance()['id']}-triggered"
    await world.rows("r")
    assert world.told()[3:] == [("resolved", 4)]
    await world.runner.stop()


async def test_what_ends_within_the_cool_down_is_told_of_by_neither_message() -> None:
    world = World(1, 10 * MINUTE)
    await world.rows("trtrtrt")
    assert world.told() == [("triggered", 1), ("resolved", 2)]
    assert len(world.instance()["timeline"]) == 7
    await world.runner.resolve()
    await world.time.advance(20 * MINUTE)
    assert len(world.told()) == 2
    # The next one after it is told at once, and begins another.
    await world.rows("trt")
    assert world.told()[2:] == [("triggered", 8), ("resolved", 9)]
    await world.time.advance(11 * MINUTE)
    assert world.told()[4:] == [("triggered", 10)]
    await world.runner.stop()
