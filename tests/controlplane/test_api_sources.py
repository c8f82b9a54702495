"""Sources over REST: life, uses of streams, the connector process away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.gaps import AWAY, Gap, GapsKept
from connectors.metrics import ErrorRecord, SourceCounters, SourceSample
from controlplane.services.names import rfc3339
from engine.protocol import Caller, Definition
from tests.controlplane.conftest import API, Plane
from tests.journeys.waiting import within

GENERATOR = {
    "name": "g", "type": "stream_generator", "stream": "iot", "properties": {"template": "iot"}
}  # fmt: skip
RANGES = {"error_log_time_range": "1d", "metrics_time_range": "10m"}


async def create(plane: Plane) -> dict[str, Any]:
    """A source on a fresh stream."""
    await plane.stream()
    made = await plane.client.post(f"{API}/sources", json=GENERATOR)
    assert made.status_code == 201, made.text
    return made.json()


async def test_life_of_a_source(plane: Plane) -> None:
    source = await create(plane)
    assert source["status"] == "running"
    assert source["message"] == source["description"] == ""
    assert source["start_time"] > 0
    assert source["properties"] == {"template": "iot"}
    path = f"{API}/sources/{source['id']}"
    assert (await plane.client.get(f"{API}/sources")).json() == [
        (await plane.client.get(path)).json()
    ]
    used = await plane.client.delete(f"{API}/streams/iot")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    assert (await plane.client.post(f"{path}/start", content=b"null")).status_code == 204
    assert (await plane.client.put(path, json={"description": "d"})).status_code == 400
    assert (await plane.client.post(f"{path}/stop", content=b"null")).status_code == 204
    assert (await plane.client.get(path)).json()["status"] == "stopped"
    assert (await plane.client.post(f"{path}/stop")).status_code == 204
    body = {"description": "d", "id": "ignored", "type": "ignored", "name": None}
    changed = (await plane.client.put(path, json=body)).json()
    assert (changed["description"], changed["name"]) == ("d", "g")
    patched = await plane.client.patch(path, json={"properties": {"interval": "1s"}})
    assert patched.json()["properties"] == {"template": "iot", "interval": "1s"}
    replaced = await plane.client.put(path, json={"properties": {"template": "devops"}})
    assert replaced.json()["properties"] == {"template": "devops"}
    assert (await plane.client.delete(path)).status_code == 204
    assert (await plane.client.get(path)).status_code == 404
    assert (await plane.client.get(f"{API}/sources")).json() == []
    assert (await plane.client.delete(f"{API}/streams/iot")).status_code == 204


async def test_statistics(lite: Plane) -> None:
    source = await create(lite)
    path = f"{API}/sources/{source['id']}/stats"
    lite.connectors.now_ms = lite.clock.now_ms()
    stats = (await lite.client.get(path, params=RANGES)).json()
    assert [point["value"] for point in stats.pop("throughput")] == [5.0]
    wanted = {"errors": [], "failure_count": 1, "gaps": [], "success_count": 2, "uptime": 600_000}
    assert stats == wanted
    for missing in RANGES:
        given = {name: value for name, value in RANGES.items() if name != missing}
        assert (await lite.client.get(path, params=given)).status_code == 400
    for bad in ("", "x", "-1h", "0s"):
        answer = await lite.client.get(path, params={**RANGES, "metrics_time_range": bad})
        assert answer.status_code == 400, bad


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"stream": "missing"}, 60),
        ({"type": "ably"}, 400),
        ({"properties": {}}, 400),
        ({"properties": None}, 400),
        ({"name": "has space"}, 400),
        ({"name": None}, 400),
    ],
)
async def test_bad_sources_are_400(lite: Plane, change: dict[str, Any], code: int) -> None:
    await lite.stream()
    answer = await lite.client.post(f"{API}/sources", json={**GENERATOR, **change})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == code
    assert (await lite.client.get(f"{API}/sources")).json() == []
    assert lite.engine.owners == {}


async def test_a_source_writes_to_no_view(lite: Plane) -> None:
    await lite.stream()
    await lite.engine.create(
        Definition(id="", name="seen", kind="view", query="SELECT 1"), Caller()
    )
    await asyncio.sleep(0.05)
    answer = await lite.client.post(f"{API}/sources", json={**GENERATOR, "stream": "seen"})
    assert answer.status_code == 400
    assert "seen is a view" in answer.json()["message"]
    assert lite.engine.owners == {}


async def test_statistics_are_kept_over_restarts(plane: Plane) -> None:
    source = await create(plane)
    path, id_ = f"{API}/sources/{source['id']}", source["id"]
    minute = plane.clock.now_ms() // 60_000
    error = ErrorRecord(plane.clock.now_ms(), "it broke")
    now = plane.clock.now_ms()
    gaps = GapsKept(now - 60_000, (Gap(1, 2, "old"), Gap(now - 90_000, now - 80_000, "slow", 4)))
    counters = SourceCounters(7, 700, 2, 3, 90_000, minute - 3, 600, error, gaps)
    minutes = ((minute - 20_000, 1), (minute - 5, 1200), (minute - 3, 600))
    plane.connectors.counted = {id_: SourceSample(id_, counters, minutes)}
    await plane.app.statistics.sample()
    plane.connectors.counted = {}
    plane.connectors.sources.clear()  # the connector process is new
    stats = (await plane.client.get(f"{path}/stats", params=RANGES)).json()
    assert (stats["success_count"], stats["failure_count"], stats["uptime"]) == (7, 2, 90_000)
    assert [error["message"] for error in stats["errors"]] == ["it broke"]
    ended, lasts = stats["gaps"]
    assert (ended["reason"], ended["count"], ended["from"] < ended["to"]) == ("slow", 4, True)
    assert lasts == {"from": rfc3339(now - 60_000), "reason": AWAY}
    assert [p["value"] for p in stats["throughput"]][:3] == [20.0, 0.0, 10.0]
    assert len(stats["throughput"]) in (6, 7)
    plane.connectors.away = True
    assert (await plane.client.get(f"{path}/stats", params=RANGES)).json()["success_count"] == 7
    plane.connectors.away = False
    plane.app.resume.again()
    async with within(5):
        while id_ not in plane.connectors.sources:
            await asyncio.sleep(0.01)
    assert plane.connectors.started[id_][1] == counters  # the next life goes on with them
    await plane.client.post(f"{path}/stop")
    await plane.client.post(f"{path}/start")
    begin = plane.connectors.started[id_][1]
    # A start begins at 0; what was missed is told on.
    assert begin == SourceCounters(minute=minute - 3, minute_bytes=600, gaps=gaps)
    assert (await plane.client.delete(path)).status_code == 204
    assert await plane.app.statistics.begin(id_) is None


async def test_log_lines(lite: Plane) -> None:
    source = await create(lite)
    path = f"{API}/sources/{source['id']}/logs"
    assert (await lite.client.get(path, params={"lines": 2})).json() == ["two", "three"]
    assert (await lite.client.get(path, params={"lines": 9})).json() == ["one", "two", "three"]
    assert (await lite.client.get(path)).status_code == 400
    assert (await lite.client.get(path, params={"lines": 0})).status_code == 400
    assert (await lite.client.get(path, params={"lines": "x"})).status_code == 400
    unknown = f"{API}/sources/{lite.clock.uuid4()}/logs"
    assert (await lite.client.get(unknown, params={"lines": 1})).status_code == 404


async def test_preview(lite: Plane) -> None:
    body = {"type": "stream_generator", "properties": {"template": "iot"}, "size": 2}
    answer = await lite.client.post(f"{API}/source/preview", json={**body, "timeout": "2s"})
    assert answer.json() == [{"n": 0}, {"n": 1}]
    assert (
        len((await lite.client.post(f"{API}/source/preview", json={**body, "size": None})).json())
        == 1
    )


async def test_connector_process_away(lite: Plane) -> None:
    source = await create(lite)
    path = f"{API}/sources/{source['id']}"
    lite.connectors.away = True
    assert (await lite.client.get(path)).json()["status"] == "failed"
    answer = await lite.client.post(f"{API}/sources", json={**GENERATOR, "name": "h"})
    assert (answer.status_code, answer.json()["system"]) == (429, "orbit")
    ready = await lite.client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["connectors"]) == (503, "starting")
    assert (await lite.client.post(f"{path}/stop")).status_code == 204
    assert (await lite.client.post(f"{path}/start")).status_code == 204
    lite.connectors.away = False
    lite.connectors.sources.clear()
    lite.app.resume.again()
    async with within(3):
        while source["id"] not in lite.connectors.sources:
            await asyncio.sleep(0.01)
    assert (await lite.client.get(path)).json()["status"] == "running"


async def test_uses_are_made_again_when_the_engine_is_new(lite: Plane) -> None:
    source = await create(lite)
    lite.engine.crash()
    answer = await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    assert answer.status_code == 200
    assert lite.engine.owners == {f"source:{source['id']}": ("iot",)}


async def test_a_source_does_not_write_into_a_stream_of_the_server(lite: Plane) -> None:
    refused = await lite.client.post(f"{API}/sources", json=GENERATOR | {"stream": "_dlq_mv_1"})
    assert refused.status_code == 400
    assert "_dlq_mv_1 belongs to the server" in refused.json()["message"]
    assert (await lite.client.get(f"{API}/sources")).json() == []
