"""A server that dies between the store and the engine: whatever the step, the next start repairs.

The first server is held still at the step, as if it had been killed there: nothing that it does
afterwards reaches the store, the engine or the connector process. A second one starts over them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.db.repository import Repository
from controlplane.db.session import store_url
from tests.controlplane.conftest import API, Plane, make_plane, settings_for
from tests.controlplane.fake_engine import FakeConnectors, FakeEngine
from tests.journeys.waiting import within

SOURCE = {
    "name": "g", "type": "stream_generator", "stream": "iot", "properties": {"template": "iot"}
}  # fmt: skip
Act = Callable[[Plane, str], Awaitable[Any]]


async def create(plane: Plane, _: str) -> Any:
    return await plane.client.post(f"{API}/sources", json=SOURCE)


async def update(plane: Plane, source_id: str) -> Any:
    return await plane.client.put(f"{API}/sources/{source_id}", json={"stream": "other"})


async def delete(plane: Plane, source_id: str) -> Any:
    return await plane.client.delete(f"{API}/sources/{source_id}")


class Death:
    """Stops everything at one call: before it, or after it has done its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str, int, str]) -> None:
        target, name, number, side = step
        self.reached = asyncio.Event()
        self._monkeypatch = monkeypatch
        real = getattr(target, name)
        calls = 0

        async def dying(*arguments: Any, **values: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls != number:
                return await real(*arguments, **values)
            if side == "after":
                await real(*arguments, **values)
            self.reached.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(target, name, dying)

    def over(self) -> None:
        """The next server works as usual."""
        self._monkeypatch.undo()


STEPS: list[tuple[str, Act, tuple[Any, str, int, str]]] = [
    ("create", create, (FakeEngine, "hold", 1, "before")),
    ("create", create, (FakeEngine, "hold", 1, "after")),
    ("create", create, (Repository, "add", 1, "before")),
    ("create", create, (Repository, "add", 1, "after")),
    ("create", create, (FakeConnectors, "start", 1, "before")),
    ("create", create, (FakeConnectors, "start", 1, "after")),
    ("update", update, (FakeEngine, "hold", 1, "before")),
    ("update", update, (FakeEngine, "hold", 1, "after")),
    ("update", update, (Repository, "update", 1, "before")),
    ("update", update, (Repository, "update", 1, "after")),
    ("update", update, (FakeEngine, "hold", 2, "before")),
    ("update", update, (FakeEngine, "hold", 2, "after")),
    ("delete", delete, (Repository, "update", 1, "before")),
    ("delete", delete, (Repository, "update", 1, "after")),
    ("delete", delete, (FakeConnectors, "delete", 1, "before")),
    ("delete", delete, (FakeConnectors, "delete", 1, "after")),
    ("delete", delete, (Repository, "delete", 1, "before")),
    ("delete", delete, (Repository, "delete", 1, "after")),
    ("delete", delete, (FakeEngine, "release", 1, "before")),
    ("delete", delete, (FakeEngine, "release", 1, "after")),
]


@contextlib.asynccontextmanager
async def second_start(first: Plane, folder: Path) -> AsyncIterator[Plane]:
    """Another server over the same store and the same engine."""
    engine = FakeEngine(first.clock)
    engine.by_name, engine.owners = first.engine.by_name, first.engine.owners
    engine.background = first.engine.background
    plane, stack = await make_plane(store_url("", folder), folder, settings_for(), engine)
    async with stack:
        yield plane


@pytest.mark.parametrize(("what", "act", "step"), STEPS)
async def test_a_death_at_any_step_is_repaired(
    what: str,
    act: Act,
    step: tuple[Any, str, int, str],
    lite: Plane,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("iot", "other"):
        await lite.stream(name)
    source_id = ""
    if what != "create":
        source_id = (await create(lite, "")).json()["id"]
        assert (await lite.client.post(f"{API}/sources/{source_id}/stop")).status_code == 204
    death = Death(monkeypatch, step)
    dying = asyncio.create_task(act(lite, source_id))  # type: ignore[arg-type]
    try:
        async with within(5):
            await death.reached.wait()
        death.over()
        async with second_start(lite, tmp_path) as plane:
            await check(plane, what)
    finally:
        dying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dying


async def check(plane: Plane, what: str) -> None:
    """Each source holds its stream and nothing else is held; all streams are there."""
    sources = (await plane.client.get(f"{API}/sources")).json()
    held = {f"source:{source['id']}": (source["stream"],) for source in sources}
    assert plane.engine.owners == held
    streams = {stream["name"] for stream in (await plane.client.get(f"{API}/streams")).json()}
    assert streams == {"iot", "other"}, "a repair deletes no stream"
    assert len(sources) <= 1
    for source in sources:
        refused = await plane.client.delete(f"{API}/streams/{source['stream']}")
        assert refused.status_code == 400
        assert "source g" in refused.json()["message"]
        assert source["status"] == ("running" if what == "create" else "stopped")
        if what == "create":
            async with within(5):
                while source["id"] not in plane.connectors.started:
                    await asyncio.sleep(0.01)
        assert (await plane.client.delete(f"{API}/sources/{source['id']}")).status_code == 204
    for name in streams:
        assert (await plane.client.delete(f"{API}/streams/{name}")).status_code == 204


async def test_a_store_that_fails_leaves_no_use(
    lite: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.stream()

    async def failing(*_: Any) -> None:
        raise OSError("the store is away")

    monkeypatch.setattr(Repository, "add", failing)
    assert (await create(lite, "")).status_code == 500
    assert lite.engine.owners == {}
    monkeypatch.undo()
    assert (await create(lite, "")).status_code == 201


async def test_a_source_that_is_deleted_while_all_are_started_again_stays_away(
    lite: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.stream()
    source_id = (await create(lite, "")).json()["id"]
    lite.connectors.sources.clear()
    lite.connectors.started.clear()
    real, begun, go = FakeConnectors.delete, asyncio.Event(), asyncio.Event()

    async def slow(self: FakeConnectors, id_: str) -> None:
        begun.set()
        await go.wait()
        await real(self, id_)

    monkeypatch.setattr(FakeConnectors, "delete", slow)
    deleting = asyncio.create_task(delete(lite, source_id))
    await begun.wait()
    lite.app.resume.again()
    await asyncio.sleep(0.1)
    go.set()
    assert (await deleting).status_code == 204
    await asyncio.sleep(0.1)
    assert lite.connectors.started == lite.connectors.sources == {}
