"""Which engines run: on demand, bounded, ended when idle, started by themselves, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from controlplane.services.engines import ROOM_IDLE_SECONDS, EngineLimits, Engines
from engine.clock import ManualClock
from engine.errors import Overloaded, TailraceError
from engine.protocol import Definition, Engine
from tests.controlplane.fake_engine import FakeLauncher

VIEW = Definition(id="v", name="v", kind="materialized_view")


class House:
    """Engines over a launcher whose ends can be held up."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.launcher = FakeLauncher(self.clock, folder)
        self.at_work_names = {"default"}
        self.engines = Engines(
            self.launcher, self.clock, EngineLimits(2_000, 2), self.settle, self.at_work
        )

    async def settle(self, workspace: str, engine: Engine) -> None:
        """There is nothing to fit."""

    async def at_work(self) -> frozenset[str]:
        return frozenset(self.at_work_names)

    async def use(self, name: str) -> None:
        await (await self.engines.of(name)).engine()

    def later(self, seconds: float) -> None:
        """So much time passes."""
        self.clock.advance(int(seconds * 1000))

    def names(self) -> list[str]:
        return sorted(place.workspace for place in self.engines.all())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    await made.engines.close()


async def test_idle_engines_give_their_place(house: House) -> None:
    await house.use("default")
    await house.use("one")
    with pytest.raises(Overloaded, match=r"engines_max allows \(2\)") as refused:
        await house.use("two")
    assert refused.value.code == 429
    house.later(ROOM_IDLE_SECONDS)
    await asyncio.gather(house.use("two"), house.use("two"))
    assert house.names() == ["default", "two"]
    assert house.launcher.retired == ["one"]


async def test_what_works_is_not_ended(house: House) -> None:
    await house.use("default")
    await house.use("one")
    place = await house.engines.of("one")
    house.launcher.engines["one"].by_name["v"] = VIEW
    await place.refresh()
    house.later(3_600)
    await house.engines.retire_idle(600)
    assert house.names() == ["default", "one"]
    with pytest.raises(Overloaded):
        await house.use("two")
    house.launcher.engines["one"].by_name.clear()
    await place.refresh()
    house.at_work_names.add("one")  # a source of it runs
    house.later(3_600)
    await house.engines.retire_idle(600)
    assert house.names() == ["default", "one"]
    house.at_work_names.discard("one")
    place.busy += 1  # a query of it runs
    await house.engines.retire_idle(600)
    assert house.names() == ["default", "one"]
    place.touch()
    await house.engines.retire_idle(600)
    assert house.names() == ["default", "one"]
    house.later(600)
    await house.engines.retire_idle(600)
    assert house.names() == ["default"]


async def test_a_request_waits_for_the_end_of_the_process_before(house: House) -> None:
    """Two processes on one folder would refuse each other."""
    held, entered = asyncio.Event(), asyncio.Event()
    retire = house.launcher.retire

    async def slow(workspace: str) -> None:
        entered.set()
        await held.wait()
        await retire(workspace)

    house.launcher.retire = slow  # type: ignore[method-assign]
    await house.use("one")
    house.later(600)
    ending = asyncio.create_task(house.engines.retire_idle(600))
    await entered.wait()
    using = asyncio.create_task(house.use("one"))
    await asyncio.sleep(0.02)
    assert not using.done()
    assert house.names() == []
    held.set()
    await using
    await ending
    assert house.names() == ["one"]


async def test_a_view_on_disk_starts_its_engine(house: House, tmp_path: Path) -> None:
    for name, definitions in (("busy", {"v": VIEW}), ("quiet", {})):
        folder = tmp_path / "workspaces" / name
        folder.mkdir(parents=True)
        state = {"revision": 3, "definitions": definitions}
        (folder / "catalog.json").write_bytes(msgspec.json.encode(state))
    await house.engines.start_needed(["default", "busy", "quiet", "new"])
    assert house.names() == ["busy", "default"]
    assert all(place.needed for place in house.engines.all())


async def test_a_removed_workspace_has_no_engine_until_it_is_allowed(house: House) -> None:
    await house.use("one")
    await house.engines.remove("one")
    assert house.launcher.retired == ["one"]
    with pytest.raises(TailraceError) as refused:
        await house.engines.of("one")
    assert refused.value.code == 404
    house.engines.allow("one")
    await house.use("one")


async def test_a_folder_that_cannot_be_opened_concerns_its_workspace_only(house: House) -> None:
    await house.use("default")
    await house.use("one")
    house.engines.refused("one")
    with pytest.raises(TailraceError, match="'one' cannot open its data") as refused:
        await house.use("one")
    assert refused.value.code == 500
    await house.use("default")
    house.later(600)
    await house.engines.retire_idle(600)  # tried anew after a while
    await house.use("one")
