"""A server that dies while a sink or an alert is changed: whatever the step, a start repairs it.

As in test_source_repair: the first server is held still at the step, a second one starts over what
it left.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from controlplane.db.repository import Repository
from tests.controlplane.conftest import API, Plane
from tests.controlplane.fake_engine import FakeConnectors, FakeEngine
from tests.controlplane.test_source_repair import Death, second_start
from tests.journeys.waiting import within

SINK = {
    "name": "out", "type": "timeplus", "query": "SELECT cid from iot",
    "properties": {"stream_name": "target"},
}  # fmt: skip
SINK_AFTER = {**SINK, "query": "SELECT speed from iot", "properties": {"stream_name": "other"}}
ALERT = {
    "name": "out", "action": "http", "severity": 1, "trigger_sql": "SELECT cid from iot",
    "properties": {"url": "http://h/"},
}  # fmt: skip
BODIES = {"sinks": (SINK, SINK_AFTER), "alerts": (ALERT, {**ALERT, "severity": 2})}
STREAMS = {"iot", "target", "other"}

Step = tuple[Any, str, int, str]


def along(*calls: tuple[Any, str, int]) -> list[Step]:
    """Before the first of these calls, and after each has done its work."""
    return [(*calls[0], "before"), *((*call, "after") for call in calls)]


def steps(kind: str) -> dict[str, list[Step]]:
    """The calls of each change in their order."""
    start = (FakeConnectors, f"start_{kind[:-1]}", 1)
    begin = (FakeEngine, "start_background", 1)
    stored, settled = (Repository, "update", 1), (Repository, "update", 2)
    pause = (FakeEngine, "pause_background", 1)
    hold = [(FakeEngine, "hold", 1)] if kind == "sinks" else []
    held = [(FakeEngine, "hold", 2)] if kind == "sinks" else []
    return {
        "create": along(*hold, (Repository, "add", 1), begin, start),
        "replace": along((FakeConnectors, "stop", 1), *hold, stored, begin, settled, *held, start),
        "replace stopped": along(*hold, stored, begin, pause, settled, *held),
        "stop": along(stored, (FakeConnectors, "stop", 1), pause),
        "start": along(begin, stored, start),
        "delete": along(
            stored,
            (FakeConnectors, "delete", 1),
            (Repository, "delete", 1),
            (FakeEngine, "drop_background", 1),
            (FakeEngine, "release", 1),
        ),
    }


STEPS = [
    (kind, what, step) for kind in BODIES for what, listed in steps(kind).items() for step in listed
]


async def act(plane: Plane, kind: str, what: str, identity: str) -> Any:
    """The change that dies."""
    before, after = BODIES[kind]
    path = f"{API}/{kind}/{identity}"
    if what == "create":
        return await plane.client.post(f"{API}/{kind}", json=before)
    if what.startswith("replace"):
        return await plane.client.put(path, json=after)
    if what == "delete":
        return await plane.client.delete(path)
    return await plane.client.post(f"{path}/{what}")


@pytest.mark.turns(3)
@pytest.mark.parametrize(("kind", "what", "step"), STEPS)
async def test_a_death_at_any_step_is_repaired(
    kind: str,
    what: str,
    step: Step,
    lite: Plane,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in STREAMS:
        await lite.stream(name)
    identity = ""
    if what != "create":
        identity = (await act(lite, kind, "create", "")).json()["id"]
        lite.engine.save(f"{kind[:-1]}:{identity}", "instance", {"status": "triggered"})
        if what in ("start", "replace stopped"):
            assert (await act(lite, kind, "stop", identity)).status_code == 204
    death = Death(monkeypatch, step)
    dying = asyncio.create_task(act(lite, kind, what, identity))
    try:
        async with within(5):
            await death.reached.wait()
        death.over()
        async with second_start(lite, tmp_path) as plane:
            await check(plane, kind, what, step)
    finally:
        dying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dying


async def check(plane: Plane, kind: str, what: str, step: Step) -> None:
    """What is stored is what the engine has, and nothing else; it runs if it should."""
    found = (await plane.client.get(f"{API}/{kind}")).json()
    assert len(found) <= 1
    if what not in ("create", "delete"):
        assert len(found) == 1
    owners = {f"{kind[:-1]}:{one['id']}" for one in found}
    assert set(plane.engine.background) == owners
    assert set(plane.engine.owners) == owners
    for one in found:
        assert one["status"] in ("running", "stopped")
        owner = f"{kind[:-1]}:{one['id']}"
        there = plane.engine.background[owner]
        assert there.query.queries == (one["query"] if kind == "sinks" else one["trigger_sql"],)
        assert there.paused == (one["status"] == "stopped")
        if kind == "sinks":
            assert plane.engine.owners[owner] == (one["properties"]["stream_name"],)
        elif what.startswith("replace"):
            new = one["severity"] == 2
            assert there.saved == ({} if new else {"instance": b'{"status":"triggered"}'})
        if one["status"] == "running":
            async with within(5):
                while one["id"] not in plane.connectors.started:
                    await asyncio.sleep(0.01)
            given = plane.connectors.started[one["id"]][0]
            assert given.queries == there.query.queries
        else:
            await asyncio.sleep(0.05)
            assert one["id"] not in plane.connectors.started
        assert (await plane.client.delete(f"{API}/{kind}/{one['id']}")).status_code == 204
    for name in STREAMS:
        assert (await plane.client.delete(f"{API}/streams/{name}")).status_code == 204


@pytest.mark.parametrize(
    ("target", "name"), [(Repository, "add"), (FakeEngine, "start_background")]
)
@pytest.mark.parametrize("kind", BODIES)
async def test_a_creation_that_fails_leaves_nothing(
    kind: str, target: Any, name: str, lite: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in STREAMS:
        await lite.stream(stream)

    async def failing(*_: Any) -> None:
        raise OSError("it is away")

    monkeypatch.setattr(target, name, failing)
    assert (await act(lite, kind, "create", "")).status_code == 500
    assert (await lite.client.get(f"{API}/{kind}")).json() == []
    assert lite.engine.owners == lite.engine.background == lite.connectors.started == {}
    monkeypatch.undo()
    assert (await act(lite, kind, "create", "")).status_code == 201
