"""Sinks over REST: life, replacement, secrets, uses of streams, processes that are away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.metrics import ErrorRecord, SourceCounters, SourceSample
from engine.dead_letter import DeadLetter
from engine.errors import Code, SqlError
from engine.protocol import ResultColumn
from tests.controlplane.conftest import API, Plane
from tests.controlplane.fake_engine import HEADER as FAKE_HEADER
from tests.journeys.waiting import within

HTTP = {
    "name": "out", "type": "http", "query": "SELECT cid, speed from iot",
    "properties": {"url": "http://127.0.0.1:1/in"},
}  # fmt: skip
RANGES = {"error_log_time_range": "1d", "metrics_time_range": "10m"}


async def create(plane: Plane, **change: Any) -> dict[str, Any]:
    """A sink of a fresh stream."""
    await plane.stream()
    made = await plane.client.post(f"{API}/sinks", json={**HTTP, **change})
    assert made.status_code == 201, made.text
    return made.json()


def owner(sink: dict[str, Any]) -> str:
    return f"sink:{sink['id']}"


async def test_a_refusal_tells_sinks_of_one_name_apart(plane: Plane) -> None:
    sink = await create(plane)
    other = (await plane.client.post(f"{API}/sinks", json=HTTP)).json()
    used = await plane.client.delete(f"{API}/streams/iot")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    for each in (sink, other):
        assert f"sink out ({each['id']})" in used.json()["message"]
    await plane.client.delete(f"{API}/sinks/{other['id']}")
    used = await plane.client.delete(f"{API}/streams/iot")
    assert "sink out" in used.json()["message"] and sink["id"] not in used.json()["message"]


async def test_life_of_a_sink(plane: Plane) -> None:
    sink = await create(plane)
    assert (sink["status"], sink["message"], sink["description"]) == ("running", "", "")
    assert sink["properties"] == HTTP["properties"]
    assert sink["plan"]["is_streaming"] is True
    assert sink["plan"]["original_query"] == HTTP["query"]
    path = f"{API}/sinks/{sink['id']}"
    assert (await plane.client.get(f"{API}/sinks")).json() == [sink]
    given, begin = plane.connectors.started[sink["id"]]
    assert (given.type, given.properties, begin) == ("http", HTTP["properties"], None)
    assert given.header == FAKE_HEADER
    assert plane.engine.background[owner(sink)].query.queries == (HTTP["query"],)

    used = await plane.client.delete(f"{API}/streams/iot")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    assert "sink out" in used.json()["message"]

    assert (await plane.client.post(f"{path}/start", content=b"null")).status_code == 204
    for _ in range(2):
        assert (await plane.client.post(f"{path}/stop", content=b"null")).status_code == 204
    assert (await plane.client.get(path)).json()["status"] == "stopped"
    assert plane.engine.background[owner(sink)].paused
    assert (await plane.client.post(f"{path}/start")).status_code == 204
    assert (await plane.client.get(path)).json()["status"] == "running"
    assert not plane.engine.background[owner(sink)].paused
    assert plane.engine.background[owner(sink)].begun == 1, "it goes on where it was"

    assert (await plane.client.delete(path)).status_code == 204
    assert (await plane.client.get(path)).status_code == 404
    assert (await plane.client.get(f"{API}/sinks")).json() == []
    assert plane.engine.background == {}
    assert sink["id"] not in plane.connectors.sources
    assert (await plane.client.delete(f"{API}/streams/iot")).status_code == 204


async def test_a_running_sink_is_replaced(plane: Plane) -> None:
    sink = await create(plane, description="first")
    path = f"{API}/sinks/{sink['id']}"
    # With its own query it goes on where it is, with other properties.
    body = {**HTTP, "name": "other", "properties": {"url": "http://127.0.0.1:2/in", "retries": 3}}
    changed = (await plane.client.put(path, json={**body, "id": "ignored"})).json()
    assert (changed["name"], changed["description"]) == ("other", "")
    assert changed["properties"] == body["properties"]
    assert changed["last_updated_at"] >= sink["last_updated_at"]
    assert plane.engine.background[owner(sink)].begun == 1
    assert plane.connectors.started[sink["id"]][0].properties == body["properties"]
    # With another it begins anew.
    body = {**body, "query": "SELECT cid from iot"}
    changed = (await plane.client.put(path, json=body)).json()
    assert (changed["query"], changed["status"]) == (body["query"], "running")
    assert changed["plan"]["original_query"] == body["query"]
    assert plane.engine.background[owner(sink)].begun == 2
    assert plane.connectors.started[sink["id"]][0].queries == (body["query"],)
    # A stopped one stays stopped, and its queries are the new ones.
    assert (await plane.client.post(f"{path}/stop")).status_code == 204
    body = {**body, "query": "SELECT speed from iot"}
    assert (await plane.client.put(path, json=body)).json()["status"] == "stopped"
    there = plane.engine.background[owner(sink)]
    assert (there.query.queries, there.paused, there.begun) == ((body["query"],), True, 3)


async def test_a_refused_replacement_changes_nothing(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"
    for change, code in (
        ({"query": "SELECT cid from missing"}, 60),
        ({"query": "SELECT 1"}, 36),
        ({"type": "ably"}, 400),
        ({"properties": {}}, 400),
        ({"name": "has space"}, 400),
    ):
        refused = await lite.client.put(path, json={**HTTP, **change})
        assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
    assert (await lite.client.put(path, json={"name": "out", "type": "http"})).status_code == 400
    assert (await lite.client.get(path)).json() == sink
    assert lite.engine.background[owner(sink)].begun == 1
    assert lite.connectors.sources[sink["id"]].status == "running"


async def test_a_part_is_changed_while_it_goes_on(lite: Plane) -> None:
    sink = await create(lite, description="first")
    path = f"{API}/sinks/{sink['id']}"
    patched = (await lite.client.patch(path, json={"properties": {"retries": 2}})).json()
    assert patched["properties"] == {**HTTP["properties"], "retries": 2}  # type: ignore[dict-item]
    assert (patched["name"], patched["description"]) == ("out", "first")
    assert lite.connectors.started[sink["id"]][0].properties["retries"] == 2
    named = {"name": "renamed", "description": ""}
    patched = (await lite.client.patch(path, json=named)).json()
    assert (patched["name"], patched["description"], patched["status"]) == (
        "renamed",
        "",
        "running",
    )
    assert lite.engine.background[owner(sink)].begun == 1
    assert (await lite.client.patch(path, json={"name": "has space"})).status_code == 400


async def test_secrets_are_masked_and_kept(lite: Plane) -> None:
    url = "https://hooks.example.com/T0/B0/secret"
    sink = await create(lite, type="slack", properties={"url": url})
    path = f"{API}/sinks/{sink['id']}"
    assert sink["properties"] == {"url": "******"}
    assert "secret" not in (await lite.client.get(f"{API}/sinks")).text
    stored = await lite.app.directory.sinks((await lite.admin()).workspace_id).get(id=sink["id"])
    assert stored is not None
    assert set(stored.properties["url"]) == {"$sealed"}
    assert lite.connectors.started[sink["id"]][0].properties == {"url": url}
    kept = {**HTTP, "type": "slack", "properties": {"url": "******", "template": "{{.cid}}"}}
    changed = (await lite.client.put(path, json=kept)).json()
    assert changed["properties"] == kept["properties"]
    assert lite.connectors.started[sink["id"]][0].properties["url"] == url
    refused = await lite.client.post(f"{API}/sinks", json={**kept, "name": "new"})
    assert refused.status_code == 400
    assert "'url'" in refused.json()["message"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"query": "SELECT cid from missing"}, 60),
        ({"query": "SELECT cid from table(iot)"}, 36),
        ({"query": "nonsense"}, 62),
        ({"type": "redpanda_connect"}, 400),
        ({"properties": {}}, 400),
        ({"properties": None}, 400),
        ({"properties": {"url": "http://h/", "payload_field": "{{ .nothing }}"}}, 400),
        ({"name": "has space"}, 400),
        ({"name": None}, 400),
        ({"query": None}, 400),
        ({"description": "a\0b"}, 400),
        ({"type": "timeplus", "properties": {"stream_name": "nowhere"}}, 60),
    ],
)
async def test_bad_sinks_are_400(lite: Plane, change: dict[str, Any], code: int) -> None:
    await lite.stream()
    answer = await lite.client.post(f"{API}/sinks", json={**HTTP, **change})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == code
    assert (await lite.client.get(f"{API}/sinks")).json() == []
    assert lite.engine.owners == lite.engine.background == lite.connectors.started == {}


async def test_a_stream_that_a_sink_writes_to_is_held(lite: Plane) -> None:
    for name in ("target", "second"):
        await lite.stream(name)
    sink = await create(lite, type="timeplus", properties={"stream_name": "target"})
    path = f"{API}/sinks/{sink['id']}"
    used = await lite.client.delete(f"{API}/streams/target")
    assert "sink out" in used.json()["message"]
    body = {"properties": {"stream_name": "nowhere"}}
    assert (await lite.client.patch(path, json=body)).json()["code"] == 60
    assert lite.engine.owners == {owner(sink): ("target",)}
    body = {"properties": {"stream_name": "second"}}
    assert (await lite.client.patch(path, json=body)).status_code == 200
    assert lite.engine.owners == {owner(sink): ("second",)}
    assert (await lite.client.delete(f"{API}/streams/target")).status_code == 204
    nodes = (await lite.client.get(f"{API}/topology")).json()
    edges = {(edge["source"], edge["target"]) for edge in nodes["edges"]}
    assert edges == {
        ("stream:iot", f"sink:{sink['id']}"), (f"sink:{sink['id']}", "stream:second"),
    }  # fmt: skip
    assert (await lite.client.delete(path)).status_code == 204
    assert lite.engine.owners == {}


async def test_statistics(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}/stats"
    lite.connectors.now_ms = lite.clock.now_ms()
    stats = (await lite.client.get(path, params=RANGES)).json()
    assert [point["value"] for point in stats["throughput"]] == [5.0]
    assert (stats["success_count"], stats["failure_count"], stats["errors"]) == (2, 1, [])
    assert stats["nodes"] == [
        {
            "checkpoint_size": 300, "last_error_message": "", "node_id": 1,
            "status": "ExecutingPipeline",
        }
    ]  # fmt: skip
    assert (stats["status"], stats["lagging"], stats["memory"]) == ("ExecutingPipeline", 2, 1_000)
    assert (stats["read_bps"], stats["written_eps"], len(stats["history"])) == (1.0, 4.0, 1)
    metrics = (await lite.client.get(f"{API}/global-metrics")).json()
    assert (metrics["sink_throughput"], metrics["source_throughput"]) == (5.0, 0.0)
    for missing in RANGES:
        given = {name: value for name, value in RANGES.items() if name != missing}
        assert (await lite.client.get(path, params=given)).status_code == 400
    lite.connectors.away = True
    assert (await lite.client.get(path, params=RANGES)).status_code == 200


async def test_statistics_are_kept_over_restarts(plane: Plane) -> None:
    sink = await create(plane)
    path, id_ = f"{API}/sinks/{sink['id']}", sink["id"]
    error = ErrorRecord(plane.clock.now_ms(), "it broke")
    counters = SourceCounters(7, 700, 2, 3, 90_000, 0, 0, error)
    plane.connectors.counted = {id_: SourceSample(id_, counters, ())}
    await plane.app.statistics.sample()
    plane.connectors.counted = {}
    plane.connectors.sources.clear()  # the connector process is new
    stats = (await plane.client.get(f"{path}/stats", params=RANGES)).json()
    assert (stats["success_count"], stats["failure_count"], stats["uptime"]) == (7, 2, 90_000)
    assert [error["message"] for error in stats["errors"]] == ["it broke"]
    plane.app.resume.again()
    async with within(5):
        while id_ not in plane.connectors.sources:
            await asyncio.sleep(0.01)
    assert plane.connectors.started[id_][1] == counters
    assert (await plane.client.delete(path)).status_code == 204
    assert await plane.app.statistics.begin(id_) is None


async def test_a_change_keeps_the_counters(lite: Plane) -> None:
    sink = await create(lite)
    path, id_ = f"{API}/sinks/{sink['id']}", sink["id"]
    counters = SourceCounters(7, 700, 2, 3, 90_000)
    lite.connectors.counted = {id_: SourceSample(id_, counters, ())}
    started = lite.connectors.started[id_]
    assert (await lite.client.patch(path, json={"description": "d"})).status_code == 200
    assert lite.connectors.started[id_] is started, "it is not disturbed for that"
    for body in ({"name": "second"}, {"properties": {"retries": 1}}):
        assert (await lite.client.patch(path, json=body)).status_code == 200
        assert lite.connectors.started[id_][1] == counters
    body = {**HTTP, "query": "SELECT cid from iot"}
    assert (await lite.client.put(path, json=body)).status_code == 200
    assert lite.connectors.started[id_][1] == counters
    assert lite.connectors.sources[id_].status == "running"


async def test_log_lines(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}/logs"
    assert (await lite.client.get(path, params={"lines": 2})).json() == ["two", "three"]
    unknown = f"{API}/sinks/{lite.clock.uuid4()}/logs"
    assert (await lite.client.get(unknown, params={"lines": 1})).status_code == 404


async def test_a_failed_query_is_shown_and_started_again(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"
    lite.engine.background[owner(sink)].failure = "division by zero"
    shown = (await lite.client.get(path)).json()
    assert (shown["status"], shown["message"]) == ("error", "division by zero")
    stats = (await lite.client.get(f"{path}/stats", params=RANGES)).json()
    assert stats["nodes"][0]["status"] == "Fatal"
    assert (await lite.client.post(f"{path}/start")).status_code == 204
    assert (await lite.client.get(path)).json()["status"] == "running"
    # A start goes on with what it has; a replacement begins anew.
    lite.engine.save(owner(sink), "batch", 1)
    lite.engine.letters[owner(sink)] = [DeadLetter("r", "e", "o")]
    lite.engine.background[owner(sink)].failure = "division by zero"
    assert (await lite.client.put(path, json=HTTP)).json()["status"] == "running"
    assert lite.engine.background[owner(sink)].saved == {}
    assert len(lite.engine.letters[owner(sink)]) == 1, "what was given up stays"


async def test_connector_process_away(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"
    lite.connectors.away = True
    assert (await lite.client.get(path)).json()["status"] == "unknown"
    answer = await lite.client.post(f"{API}/sinks", json={**HTTP, "name": "h"})
    assert (answer.status_code, answer.json()["system"]) == (429, "orbit")
    assert (await lite.client.post(f"{path}/stop")).status_code == 204
    assert (await lite.client.post(f"{path}/start")).status_code == 204
    lite.connectors.away = False
    lite.connectors.sources.clear()
    lite.app.resume.again()
    async with within(3):
        while sink["id"] not in lite.connectors.sources:
            await asyncio.sleep(0.01)
    assert (await lite.client.get(path)).json()["status"] == "running"


async def test_an_engine_that_is_new_gets_what_is_stored(lite: Plane) -> None:
    running = await create(lite)
    body = {**HTTP, "name": "second"}
    stopped = (await lite.client.post(f"{API}/sinks", json=body)).json()
    # Stopped while the engine is away: it is paused when it is back.
    lite.launcher.down = True
    lite.engine.crash()
    await asyncio.sleep(0.05)
    assert (await lite.client.post(f"{API}/sinks/{stopped['id']}/stop")).status_code == 204
    lite.engine.background.pop(owner(running))
    lite.launcher.down = False
    answer = await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    assert answer.status_code == 200
    there = lite.engine.background
    assert {o: one.paused for o, one in there.items()} == {
        owner(running): False,
        owner(stopped): True,
    }


async def test_a_query_that_the_engine_refuses_later_is_an_error(
    lite: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"

    async def refuse(*_: Any) -> None:
        raise SqlError("Stream 'iot' does not exist.", Code.UNKNOWN_STREAM)

    monkeypatch.setattr(type(lite.engine), "start_background", refuse)
    lite.engine.background.clear()
    lite.engine.crash()
    async with within(5):
        while (await lite.client.get(path)).json()["status"] != "error":
            await asyncio.sleep(0.01)
    assert "'iot'" in (await lite.client.get(path)).json()["message"]
    assert (await lite.client.post(f"{path}/start")).status_code == 400
    monkeypatch.undo()
    assert (await lite.client.post(f"{path}/start")).status_code == 204
    assert (await lite.client.get(path)).json()["status"] == "running"


async def test_queries_that_were_not_taken_are_not_delivered(
    lite: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"

    async def refuse(*_: Any) -> None:
        raise SqlError("The view has gone.", Code.UNKNOWN_STREAM)

    monkeypatch.setattr(type(lite.engine), "start_background", refuse)
    body = {**HTTP, "query": "SELECT cid from iot"}
    assert (await lite.client.put(path, json=body)).status_code == 400
    await asyncio.sleep(0.1)
    # The engine has the old query still: its rows are not those of the stored definition.
    assert lite.connectors.sources[sink["id"]].status == "stopped"
    assert lite.connectors.started[sink["id"]][0].queries == (HTTP["query"],)
    lite.engine.crash()
    async with within(5):
        while (await lite.client.get(path)).json()["status"] != "error":
            await asyncio.sleep(0.01)
    monkeypatch.undo()
    assert (await lite.client.post(f"{path}/start")).status_code == 204
    assert lite.connectors.started[sink["id"]][0].queries == (body["query"],)
    assert (await lite.client.get(path)).json()["status"] == "running"


async def test_columns_that_have_changed_are_taken_over(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"
    wider = (*FAKE_HEADER, ResultColumn("place", "string"))
    lite.engine.header_of = lambda _: wider
    assert (await lite.client.post(f"{path}/stop")).status_code == 204
    assert (await lite.client.post(f"{path}/start")).status_code == 204
    assert lite.connectors.started[sink["id"]][0].header == wider


async def test_a_workspace_with_a_running_sink_is_at_work(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/workspaces", json={"name": "second"})
    async with plane.with_key(made.json()["api_key"]) as client:
        root = f"/second{API}"
        columns = [{"name": "cid", "type": "string"}]
        body = {"name": "iot", "columns": columns}
        assert (await client.post(f"{root}/streams", json=body)).status_code == 201
        sink = (await client.post(f"{root}/sinks", json=HTTP)).json()
        assert "second" in await plane.app.workspaces.at_work()
        assert (await client.post(f"{root}/sinks/{sink['id']}/stop")).status_code == 204
        assert "second" not in await plane.app.workspaces.at_work()
        assert (await client.post(f"{root}/sinks/{sink['id']}/start")).status_code == 204
    forced = await plane.client.delete(f"{API}/workspaces/second", params={"force": "true"})
    assert forced.status_code == 204
    assert sink["id"] not in plane.connectors.sources, "a deleted workspace delivers nothing"


async def test_roles(lite: Plane) -> None:
    sink = await create(lite)
    path = f"{API}/sinks/{sink['id']}"
    for name, role in (("rita", "read_only"), ("wanda", "writer")):
        async with await lite.user(name, role) as client:
            assert (await client.get(path)).status_code == 200
            assert (await client.get(f"{path}/stats", params=RANGES)).status_code == 200
            for method, address in (
                ("POST", f"{API}/sinks"), ("PUT", path), ("PATCH", path), ("DELETE", path),
                ("POST", f"{path}/start"), ("POST", f"{path}/stop"),
                ("DELETE", f"{API}/sinks/unknown"),
            ):  # fmt: skip
                answer = await client.request(method, address, json=HTTP)
                assert answer.status_code == 403, (role, method, address)
    body = {"permissions": ["write:sink"]}
    made = await lite.client.post(f"{API}/auth/api_keys", json=body)
    async with lite.with_key(made.json()["api_key"]) as client:
        assert (await client.post(f"{path}/stop")).status_code == 204
        assert (await client.get(path)).status_code == 403
        assert (await client.post(f"{API}/alerts", json={})).status_code == 403


async def test_a_change_that_fails_is_seen_by_nobody(lite: Plane) -> None:
    await lite.stream("target")
    sink = await create(lite, type="timeplus", properties={"stream_name": "target"})
    path = f"{API}/sinks/{sink['id']}"
    assert (await lite.client.get(path)).json() == sink  # it is read, and may be kept for others
    body = {"name": "renamed", "properties": {"stream_name": "nowhere"}}
    assert (await lite.client.patch(path, json=body)).status_code == 400
    assert (await lite.client.get(path)).json() == sink
    lite.engine.failure = SqlError("It is too busy.", Code.BAD_ARGUMENTS)
    assert (await lite.client.post(f"{path}/start")).status_code == 400
    assert (await lite.client.get(path)).json() == sink


async def test_a_secret_goes_nowhere_else_and_is_never_shown(lite: Plane) -> None:
    target = {"url": "http://127.0.0.1:1/in", "oauth2": {"client_secret": "hush"}}
    sink = await create(lite, properties=target)
    path = f"{API}/sinks/{sink['id']}"
    masked = {"oauth2": {"client_secret": "******"}}
    assert sink["properties"]["oauth2"] == masked["oauth2"]
    for properties in (
        {"url": "http://127.0.0.1:2/in"},
        {"url": "http://127.0.0.1:2/in", **masked},
    ):
        for method in ("PATCH", "PUT"):
            body = {**HTTP, "properties": properties}
            answer = await lite.client.request(method, path, json=body)
            if method == "PUT" and "oauth2" not in properties:
                continue  # it takes the header away
            assert answer.status_code == 400, (method, properties)
            assert "give its value with the new address" in answer.json()["message"]
        body = {**HTTP, "properties": target}
        assert (await lite.client.put(path, json=body)).status_code == 200
    body = {**HTTP, "type": "slack", "properties": {"url": "https://hooks.example/hush"}}
    assert (await lite.client.put(path, json=body)).json()["properties"]["url"] == "******"
    other = {**HTTP, "properties": {"url": "******"}}
    assert (await lite.client.put(path, json=other)).status_code == 400
    assert "hush" not in (await lite.client.get(path)).text
