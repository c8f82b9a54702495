"""Views of both kinds over REST."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from controlplane.services.live_query import LiveQuery
from controlplane.services.queries import NewQuery
from engine.errors import Code, SqlError
from engine.protocol import ViewState
from tests.controlplane.conftest import API, Plane

QUERY = "select cid, speed from iot"
# Every field that any source of the contract calls required.
REQUIRED = {
    "columns", "create_query", "description", "logstore_retention_bytes", "logstore_retention_ms",
    "materialized", "name", "query", "target_stream", "ttl", "ttl_expression",
}  # fmt: skip


async def create(plane: Plane, **body: Any) -> httpx.Response:
    """One view over `iot`."""
    return await plane.client.post(f"{API}/views", json={"name": "v", "query": QUERY, **body})


async def test_a_plain_view_with_a_target_is_kept_and_shown_as_given(lite: Plane) -> None:
    await lite.stream()
    nulls = {"ttl_expression": "", "logstore_retention_ms": None, "unknown": 1}
    made = await create(lite, target_stream="somewhere", description="d", **nulls)
    assert made.status_code == 201, made.text
    view = made.json()
    assert set(view) >= REQUIRED
    assert None not in view.values()
    assert (view["target_stream"], view["materialized"], view["query"]) == (
        "somewhere",
        False,
        QUERY,
    )
    assert (view["logstore_retention_bytes"], view["logstore_retention_ms"]) == (0, 0)
    assert [c["name"] for c in view["columns"]] == ["cid", "speed"]
    assert view["created_by"]["name"] == "admin"
    assert (await lite.client.get(f"{API}/views/v?db=default")).json() == view
    assert (await lite.client.get(f"{API}/views/")).json() == [view]
    assert [s["name"] for s in (await lite.client.get(f"{API}/streams")).json()] == ["iot"]
    stats = (await lite.client.get(f"{API}/views/v/stats?historyDays=2")).json()
    assert (stats["row_count"], stats["nodes"], stats["status"]) == (0, [], "None")
    assert (await lite.client.get(f"{API}/materialized_views/v")).status_code == 404
    assert (await lite.client.get(f"{API}/streams/v")).status_code == 404


async def test_a_materialized_view_keeps_what_was_asked(lite: Plane) -> None:
    await lite.stream()
    ttl = "to_datetime(_tp_time) + INTERVAL 7 DAY"
    made = await create(
        lite, materialized=True, target_stream="rows", ttl_expression=ttl, logstore_retention_ms=-1
    )
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["ttl"], view["ttl_expression"], view["target_stream"]) == (ttl, ttl, "rows")
    assert (view["logstore_retention_bytes"], view["logstore_retention_ms"]) == (10737418240, -1)
    assert [c["name"] for c in view["columns"]] == ["cid", "speed", "_tp_time"]
    names = [s["name"] for s in (await lite.client.get(f"{API}/streams")).json()]
    assert names == ["iot", "rows"]
    (listed,) = (await lite.client.get(f"{API}/materialized_views?expand=true")).json()
    assert (listed["status"], listed["lagging"], listed["target_stream"]) == (
        "ExecutingPipeline",
        0,
        "rows",
    )
    assert set(listed) >= REQUIRED - {"materialized", "ttl"}
    (brief,) = (await lite.client.get(f"{API}/materialized_views")).json()
    assert "status" not in brief
    assert (await lite.client.get(f"{API}/materialized_views/v")).json() == listed


async def test_views_are_patched(lite: Plane) -> None:
    await lite.stream()
    await create(lite)
    await create(lite, name="mv", materialized=True, target_stream="rows")
    path = f"{API}/views/v"
    changed = await lite.client.patch(
        path, json={"query": "select cid from iot", "description": "d"}
    )
    assert (changed.status_code, changed.content) == (204, b"")
    view = (await lite.client.get(path)).json()
    assert (view["query"], view["description"]) == ("select cid from iot", "d")
    whole = (await lite.client.get(f"{API}/views/mv")).json()
    again = await lite.client.patch(
        f"{API}/views/mv", json={**whole, "logstore_retention_ms": 5000}
    )
    assert again.status_code == 204, again.text
    for place in ("views/mv", "streams/rows"):
        assert (await lite.client.get(f"{API}/{place}")).json()["logstore_retention_ms"] == 5000
    other = await lite.client.patch(f"{API}/views/mv", json={"query": "select cid from iot"})
    assert other.status_code == 400
    assert "cannot be changed" in other.json()["message"]
    assert (await lite.client.patch(f"{API}/views/none", json={})).status_code == 404


async def test_a_materialized_view_is_paused_resumed_and_recovered(lite: Plane) -> None:
    await lite.stream()
    await create(lite, name="mv", materialized=True)
    path = f"{API}/materialized_views/mv"

    async def post(action: str) -> tuple[int, bytes]:
        answer = await lite.client.post(f"{path}/{action}", content=b"null")
        return answer.status_code, answer.content

    assert await post("pause?sync=true") == (200, b"")
    assert (await lite.client.get(path)).json()["status"] == "Paused"
    assert await post("resume") == (200, b"")
    refused = await lite.client.post(f"{path}/recover")
    assert (refused.status_code, refused.json()["code"]) == (400, Code.BAD_ARGUMENTS)
    failed = ViewState("Error", "a bad row", 1000, 7, 0, 64, 2, "_dlq_mv")
    lite.engine.states["mv"] = failed
    stats = (await lite.client.get(f"{path}/stats")).json()
    assert stats["nodes"] == [
        {"checkpoint_size": 64, "last_error_message": "a bad row", "node_id": 1, "status": "Fatal"}
    ]
    assert (stats["status"], stats["lagging"], stats["status_ts"]) == ("Error", 7, 1000)
    assert (stats["left_out_rows"], stats["dead_letter_stream"]) == (2, "_dlq_mv")
    assert "history" not in stats
    dated = (await lite.client.get(f"{API}/views/mv/stats?historyDays=1")).json()
    assert dated["history"] == [
        {
            "read_bps": 1.0,
            "read_eps": 2.0,
            "start_time": "1970-01-01T00:00:00.000Z",
            "written_bps": 3.0,
            "written_eps": 4.0,
        }
    ]
    assert await post("recover") == (200, b"")
    assert (await lite.client.post(f"{API}/materialized_views/none/pause")).status_code == 404


async def test_dropping_names_who_reads_it(lite: Plane) -> None:
    await lite.stream()
    await create(lite)
    await create(lite, name="w", query="select cid from v")
    kept = await lite.client.delete(f"{API}/views/v")
    assert (kept.status_code, kept.json()["code"]) == (400, Code.HAVE_DEPENDENT_OBJECTS)
    assert "w" in kept.json()["message"]
    assert (await lite.client.delete(f"{API}/materialized_views/v")).status_code == 404
    assert (await lite.client.delete(f"{API}/views/v?force=true")).status_code == 204
    assert (await lite.client.delete(f"{API}/views/v")).status_code == 404
    assert (await lite.client.delete(f"{API}/views/iot")).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "9x"}, 400),
        ({"name": None}, 400),
        ({"query": None}, 400),
        ({"query": ""}, Code.SYNTAX_ERROR),
        ({"query": "select a from missing"}, Code.UNKNOWN_STREAM),
        ({"name": "iot"}, Code.STREAM_ALREADY_EXISTS),
        ({"materialized": True, "target_stream": "a b"}, 400),
        ({"logstore_retention_ms": "soon"}, 400),
    ],
)
async def test_bad_views_are_400(lite: Plane, change: dict[str, Any], code: int) -> None:
    await lite.stream()
    answer = await create(lite, **change)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert (await lite.client.get(f"{API}/views")).json() == []


async def test_unknown_database_and_history(lite: Plane) -> None:
    await lite.stream()
    await create(lite)
    answer = await lite.client.get(f"{API}/views?db=other")
    assert (answer.status_code, answer.json()["code"]) == (404, Code.UNKNOWN_DATABASE)
    assert (await lite.client.get(f"{API}/views/v/stats?historyDays=8")).status_code == 400


async def test_views_are_shown_while_the_engine_is_away(lite: Plane) -> None:
    await lite.stream()
    await create(lite, name="mv", materialized=True)
    lite.launcher.down = True
    lite.engine.crash()
    workspace = await lite.app.engines.of("default")
    async with asyncio.timeout(10):
        while workspace.connected is not None:
            await asyncio.sleep(0.01)
    found = await lite.client.get(f"{API}/materialized_views/mv")
    assert found.status_code == 200
    assert "status" not in found.json()
    assert (await lite.client.get(f"{API}/views/mv/stats")).status_code == 429


async def test_a_reader_may_look_and_nothing_else(lite: Plane) -> None:
    await lite.stream()
    await create(lite)
    reader = await lite.user("ron", "read_only")
    assert (await reader.get(f"{API}/views")).status_code == 200
    assert (await reader.get(f"{API}/topology")).status_code == 200
    for method, path in (
        ("POST", "views"),
        ("DELETE", "views/none"),
        ("POST", "materialized_views/none/pause"),
    ):
        assert (await reader.request(method, f"{API}/{path}", json={})).status_code == 403


def pairs(edges: list[dict[str, str]]) -> set[tuple[str, str]]:
    """Edges as pairs."""
    return {(edge["source"], edge["target"]) for edge in edges}


async def test_topology_shows_what_exists_and_runs(plane: Plane) -> None:
    await plane.stream()
    await create(plane)
    await create(
        plane, name="mv", query="select cid from v", materialized=True, target_stream="out"
    )
    # As the engine says it: what is read through a view is named too.
    definition = plane.engine.by_name["mv"]
    plane.engine.by_name["mv"] = msgspec.structs.replace(
        definition, options={**definition.options, "reads": ["v", "iot"], "functions": ["f"]}
    )
    function = {
        "name": "f", "type": "javascript", "arguments": [], "return_type": "string",
        "source": "function f() {}",
    }  # fmt: skip
    assert (await plane.client.post(f"{API}/udfs", json=function)).status_code == 201
    properties = {"template": "iot"}
    source = {"name": "s", "type": "stream_generator", "stream": "iot", "properties": properties}
    made = await plane.client.post(f"{API}/sources", json=source)
    assert made.status_code == 201, made.text
    source_id = f"source:{made.json()['id']}"
    query = NewQuery("select cid from mv", name="mine")
    running = await plane.app.queries.start(await plane.admin(), query)
    assert isinstance(running, LiveQuery)
    query_id = f"query:{running.record.id}"
    graph = (await plane.client.get(f"{API}/topology?db=default")).json()
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert set(nodes) == {
        "stream:iot", "stream:out", "view:v", "materialized_view:mv", source_id, query_id,
    }  # fmt: skip
    assert nodes[query_id]["name"] == "mine"
    assert nodes["view:v"]["ownership"]["name"] == "admin"
    assert {node["db"] for node in graph["nodes"]} == {"default"}
    flow = {
        (source_id, "stream:iot"),
        ("stream:iot", "view:v"),
        ("view:v", "materialized_view:mv"),
        ("materialized_view:mv", "stream:out"),
        ("materialized_view:mv", query_id),
    }
    assert pairs(graph["edges"]) == flow
    assert pairs(graph["dependencies"]) == {
        (source_id, "stream:iot"),
        ("view:v", "stream:iot"),
        ("materialized_view:mv", "view:v"),
        ("materialized_view:mv", "stream:out"),
        (query_id, "materialized_view:mv"),
    }
    more = (await plane.client.get(f"{API}/topology?extraResources=udf,other")).json()
    assert ("materialized_view:mv", "udf:f") in pairs(more["dependencies"])
    assert "udf:f" in {node["id"] for node in more["nodes"]}
    refused = await plane.client.get(f"{API}/topology?db=other")
    assert refused.status_code == 404


async def test_global_metrics_are_numbers(lite: Plane) -> None:
    metrics = (await lite.client.get(f"{API}/global-metrics")).json()
    assert metrics == {"sink_throughput": 0.0, "source_throughput": 0.0, "storage": 50}


async def test_a_refused_query_of_the_engine_is_400(lite: Plane) -> None:
    await lite.stream()
    lite.engine.failure = SqlError("ends by itself", Code.BAD_ARGUMENTS)
    answer = await create(lite, materialized=True)
    assert (answer.status_code, answer.json()["code"]) == (400, Code.BAD_ARGUMENTS)
