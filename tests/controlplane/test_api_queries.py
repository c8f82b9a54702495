"""Queries over REST: the event stream's exact frames, records, cancel, slow readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from controlplane.db.session import store_url
from controlplane.services.ended_queries import TEXT_BYTES_MAX
from tests.controlplane.conftest import API, KEY, Plane, listening, make_plane, settings_for
from tests.journeys.waiting import within
from tests.sse_parser import Event, Parser, read_events

TAIL = "select cid, speed from iot"
BOUNDED = "select cid, speed from table(iot)"


class Reader:
    """An open event stream, read strictly."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events = read_events(response.aiter_raw())
        self.id = ""

    async def next(self) -> Event:
        """The next event within 5 s."""
        event = await asyncio.wait_for(anext(self._events), 5)
        self.id = event.data["id"] if event.name == "query" else self.id
        return event

    async def until(self, name: str) -> Event:
        """The next event of that name."""
        while (event := await self.next()).name != name:
            pass
        return event

    async def rest(self) -> list[Event]:
        """Everything to the end, which is checked."""
        return [event async for event in self._events]


@pytest.fixture
async def server(lite: Plane) -> AsyncIterator[tuple[Plane, httpx.AsyncClient]]:
    """A real HTTP server over the plane, with a client."""
    await lite.stream()
    async with (
        listening(lite.app) as url,
        httpx.AsyncClient(base_url=url, headers={"X-Api-Key": KEY}, timeout=10) as client,
    ):
        yield lite, client


async def open_query(client: httpx.AsyncClient, body: dict[str, Any]) -> Reader:
    """Start a query and check the response's head."""
    request = client.build_request(
        "POST", f"{API}/queries", json=body, headers={"Accept": "application/json"}
    )
    response = await client.send(request, stream=True)
    assert response.status_code == 200, await response.aread()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["cache-control"] in ("no-cache", "no-store")
    assert "content-encoding" not in response.headers
    return Reader(response)


async def test_tail_streams_rows_and_metrics(server: tuple[Plane, httpx.AsyncClient]) -> None:
    plane, client = server
    reader = await open_query(client, {"sql": TAIL, "name": "n", "tags": ["a", "b"]})
    first = await reader.next()
    assert first.data["status"] == "running"
    assert first.data["result"]["header"] == [
        {"name": "cid", "type": "string"}, {"name": "speed", "type": "float32"}
    ]  # fmt: skip
    assert first.data["name"] == "n"
    assert first.data["end_time"] == 0
    assert first.data["timeColumns"] == {"eventTime": -1, "windowEnd": -1, "windowStart": -1}
    query = plane.engine.queries[reader.id]
    query.push(["c001", 61.5], ["c002", 48.0])
    assert (await reader.next()).data == [["c001", 61.5], ["c002", 48.0]]
    metrics = await reader.until("metrics")
    assert metrics.data == {
        "count": 2, "eps": 2.0, "processing_time": 3, "last_event_time": 1_767_225_600_123,
        "response_time": metrics.data["response_time"], "scanned_rows": 2, "scanned_bytes": 10,
    }  # fmt: skip
    listed = (await client.get(f"{API}/queries", params={"tag": "b"})).json()
    assert [q["id"] for q in listed] == [reader.id]
    assert (await client.get(f"{API}/queries", params={"tag": "c"})).json() == []
    graph = (await client.get(f"{API}/queries/{reader.id}/pipeline")).json()
    assert graph["edges"] == [{"from": 0, "to": 1}]
    assert graph["nodes"][0]["metric"] == {"processed_bytes": 0, "processing_time_ns": 0}
    canceled = await client.post(f"{API}/queries/{reader.id}/cancel", content=b"null")
    assert canceled.status_code == 204
    last = (await reader.rest())[-1]
    assert last.data["status"] == "canceled"
    record = (await client.get(f"{API}/queries/{reader.id}")).json()
    assert record["status"] == "canceled"
    assert (await client.post(f"{API}/queries/{reader.id}/cancel")).status_code == 204
    assert (await client.delete(f"{API}/queries/{reader.id}")).status_code == 204
    assert (await client.get(f"{API}/queries/{reader.id}")).status_code == 404
    assert (await client.post(f"{API}/queries/{reader.id}/cancel")).status_code == 404


async def test_bounded_query_ends_by_itself(server: tuple[Plane, httpx.AsyncClient]) -> None:
    _, client = server
    reader = await open_query(client, {"sql": BOUNDED})
    events = await reader.rest()
    assert [event.name for event in events] == ["query", "rows", "query"]
    assert events[-1].data["status"] == "finished"
    assert events[-1].data["end_time"] >= events[-1].data["start_time"]


async def test_failure_after_the_start_is_seen_in_the_last_event(
    server: tuple[Plane, httpx.AsyncClient],
) -> None:
    plane, client = server
    reader = await open_query(client, {"sql": TAIL})
    await reader.next()
    plane.engine.queries[reader.id].end("failed", 241, "too much memory")
    last = (await reader.rest())[-1]
    assert last.data["status"] == "failed"
    assert last.data["message"] == "code 241: too much memory"
    assert last.data["code"] == 241


async def test_engine_crash_ends_streams_and_the_next_query_runs(
    server: tuple[Plane, httpx.AsyncClient],
) -> None:
    plane, client = server
    plane.app.engines.all()[0].examined.set()
    reader = await open_query(client, {"sql": TAIL})
    other = await open_query(client, {"sql": TAIL})
    await reader.next()
    await other.next()
    plane.app.engines.all()[0].charge(other.id, 159, "a step took too long")
    plane.engine.crash()
    last = (await reader.rest())[-1].data
    assert (last["status"], last["message"]) == ("failed", "code 503: engine restarted")
    blamed = (await other.rest())[-1].data
    assert (blamed["code"], blamed["message"]) == (159, "code 159: a step took too long")
    again = await open_query(client, {"sql": BOUNDED})
    assert (await again.rest())[-1].data["status"] == "finished"


async def test_shutdown_says_farewell(lite: Plane) -> None:
    await lite.stream()
    async with (
        listening(lite.app) as url,
        httpx.AsyncClient(base_url=url, headers={"X-Api-Key": KEY}) as client,
    ):
        reader = await open_query(client, {"sql": TAIL})
        await reader.next()
        await lite.app.begin_stop()
        last = (await reader.rest())[-1].data
        assert (last["status"], last["message"]) == ("canceled", "code 503: server stopping")
        refused = await client.post(f"{API}/queries", json={"sql": TAIL})
        assert refused.status_code == 429


async def test_disconnect_frees_the_query(server: tuple[Plane, httpx.AsyncClient]) -> None:
    plane, client = server
    reader = await open_query(client, {"sql": TAIL})
    await reader.next()
    query = plane.engine.queries[reader.id]
    await reader.response.aclose()
    async with within(2):
        while not query.canceled:
            await asyncio.sleep(0.01)
    async with within(2):
        while (await client.get(f"{API}/queries/{reader.id}")).json()["status"] == "running":
            await asyncio.sleep(0.01)
    assert plane.app.counters.sse_open == 0


async def test_revoked_key_ends_its_streams(server: tuple[Plane, httpx.AsyncClient]) -> None:
    _, client = server
    made = (await client.post(f"{API}/auth/api_keys", content=b"")).json()
    client.headers["X-Api-Key"] = made["api_key"]
    reader = await open_query(client, {"sql": TAIL})
    await reader.next()
    assert (await client.delete(f"{API}/auth/api_keys/{made['id']}")).status_code == 204
    last = (await asyncio.wait_for(reader.rest(), 5))[-1].data
    assert last["status"] == "canceled"
    assert (await client.get(f"{API}/queries")).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sql": "selekt 1"}, 400, 62),
        ({"sql": "select 1 from missing"}, 400, 60),
        ({"sql": None}, 400, 400),
        ({}, 400, 400),
        ({"sql": "select 1", "type": "odd"}, 400, 400),
    ],
)
async def test_errors_before_the_start_are_json(
    lite: Plane, body: dict[str, Any], status: int, code: int
) -> None:
    answer = await lite.client.post(f"{API}/queries", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == code


async def test_definitions_through_queries(lite: Plane) -> None:
    answer = await lite.client.post(f"{API}/queries", json={"sql": "create stream s9 (a int)"})
    assert answer.status_code == 200
    parser = Parser()
    (event,) = parser.feed(answer.content)
    parser.close()
    assert event.data["status"] == "finished"
    assert event.data["result"]["header"] == []
    assert (await lite.client.get(f"{API}/streams/s9")).status_code == 200
    body = {"sql": "create stream s10 (a int)", "type": "ddl"}
    answer = await lite.client.post(f"{API}/queries", json=body)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_batching_policy_reaches_the_engine_bounded(lite: Plane) -> None:
    policy = {"count": 10**9, "time_ms": -5}
    body = {"sql": BOUNDED, "batching_policy": policy, "description": None, "tags": None}
    await lite.client.post(f"{API}/queries", json=body)
    request = lite.engine.requests[-1]
    assert (request.batch_count, request.batch_ms) == (100_000, 0)


async def test_exec(lite: Plane) -> None:
    body = {"sql": BOUNDED, "type": "historical"}
    answer = await lite.client.post(f"{API}/exec", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "columns": [{"name": "cid", "type": "string"}, {"name": "speed", "type": "float32"}],
        "data": [["c001", 61.5], ["c002", 48.0]],
    }
    assert lite.engine.requests[-1].timeout_ms == 30_000
    streaming = await lite.client.post(f"{API}/exec", json={"sql": TAIL, "type": "historical"})
    assert streaming.status_code == 400
    ddl = {"sql": "create stream s11 (a int)", "type": "ddl"}
    assert (await lite.client.post(f"{API}/exec", json=ddl)).status_code == 204
    body = {"sql": "create stream s12 (a int)"}
    answer = await lite.client.post(f"{API}/queries/exec", json=body)
    assert answer.status_code == 200
    assert answer.json()["status"] == "finished"
    assert (await lite.client.post(f"{API}/queries/exec", json={"sql": TAIL})).status_code == 400


async def test_format_and_analyze(lite: Plane) -> None:
    answer = await lite.client.post(f"{API}/format", json={"sql": TAIL})
    assert answer.json() == {"sql": TAIL.upper()}
    answer = await lite.client.post(f"{API}/sqlanalyze", json={"sql": TAIL})
    assert answer.json()["is_streaming"] is True
    assert answer.json()["query_type"] == "SELECT"
    bad = await lite.client.post(f"{API}/sqlanalyze", json={"sql": "x"})
    assert (bad.status_code, bad.json()["code"]) == (400, 62)


async def test_too_many_queries_is_429_with_code_202(lite: Plane) -> None:
    few = msgspec.structs.replace(lite.app.settings.engine, running_queries_max=0)
    lite.app.queries._settings = msgspec.structs.replace(lite.app.settings, engine=few)
    answer = await lite.client.post(f"{API}/queries", json={"sql": TAIL})
    assert (answer.status_code, answer.json()["code"]) == (429, 202)
    assert answer.headers["Retry-After"]


async def test_a_reader_that_stops_reading_is_ended(tmp_path: Path) -> None:
    settings = settings_for(sse_stall_seconds=1)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack, listening(plane.app) as url:
        await plane.stream()
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=65536)
        body = msgspec.json.encode({"sql": TAIL})
        writer.write(
            f"POST {API}/queries HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await reader.readuntil(b'"status":"running"')
        (query,) = plane.engine.queries.values()
        for _ in range(300):
            query.push(["x" * 100_000, 1])
        async with asyncio.timeout(10):
            while not query.canceled:
                await asyncio.sleep(0.05)
        (record,) = plane.app.queries.list(await plane.admin())
        assert (record.status, record.message) == ("failed", "code 429: slow consumer")
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += await asyncio.wait_for(reader.read(1 << 20), 10)
        assert b"code 429: slow consumer" in received[-4000:]
        assert len(received) < 20_000_000  # of 30 MB: what waited was given up
        assert plane.app.queries.slow_readers == 1
        writer.close()


async def test_large_batches_are_split_below_the_readers_limit(
    server: tuple[Plane, httpx.AsyncClient],
) -> None:
    plane, client = server
    reader = await open_query(client, {"sql": TAIL})
    await reader.next()
    query = plane.engine.queries[reader.id]
    query.push(*[["x" * 1000, n] for n in range(3000)])
    query.end()
    events = await reader.rest()
    rows = [row for event in events if event.name == "rows" for row in event.data]
    assert [row[1] for row in rows] == list(range(3000))
    sizes = [len(json.dumps(event.data)) for event in events if event.name == "rows"]
    assert max(sizes) <= 600_000


class Hanging:
    """An engine call that never answers."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, *_: Any) -> Any:
        self.called.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


async def test_exec_ends_in_its_time_when_the_engine_does_not_answer(lite: Plane) -> None:
    lite.engine.run = hanging = Hanging()
    body = {"sql": "SELECT 1", "type": "historical", "timeout_ms": 50}
    answer = await asyncio.wait_for(lite.client.post(f"{API}/exec", json=body), 10)
    assert (answer.status_code, answer.json()["code"]) == (400, 159)
    assert hanging.left.is_set()


@pytest.mark.parametrize(
    ("call", "path", "body"),
    [
        ("run", "exec", {"sql": "SELECT 1", "type": "historical"}),
        ("run", "queries", {"sql": "SELECT 1"}),
        ("analyze", "sqlanalyze", {"sql": "SELECT 1"}),
        ("format_sql", "format", {"sql": "SELECT 1"}),
    ],
)
async def test_shutdown_answers_calls_under_way(
    lite: Plane, call: str, path: str, body: dict[str, Any]
) -> None:
    hanging = Hanging()
    setattr(lite.engine, call, hanging)
    waiting = asyncio.create_task(lite.client.post(f"{API}/{path}", json=body))
    await hanging.called.wait()
    await lite.app.begin_stop()
    answer = await asyncio.wait_for(waiting, 10)
    assert answer.status_code == 503
    assert answer.json() == {"code": 503, "message": "server stopping", "system": "neutron"}


async def test_a_caller_of_exec_who_hangs_up_frees_the_engine(lite: Plane) -> None:
    lite.engine.run = hanging = Hanging()
    async with listening(lite.app) as url, httpx.AsyncClient(base_url=url) as client:
        body = {"sql": "SELECT 1", "type": "historical"}
        headers = {"X-Api-Key": KEY}
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{API}/exec", json=body, headers=headers, timeout=0.3)
        await asyncio.wait_for(hanging.left.wait(), 2)


async def test_ended_queries_are_bounded_in_bytes(lite: Plane) -> None:
    long = "SELECT '" + "x" * 250_000 + "'"
    for _ in range(40):
        await lite.client.post(f"{API}/queries", json={"sql": long, "tags": ["long"]})
    await lite.client.post(f"{API}/queries", json={"sql": "SELECT 1", "tags": ["newest"]})
    answer = await lite.client.get(f"{API}/queries")
    assert len(answer.content) <= TEXT_BYTES_MAX * 1.1
    shown = answer.json()
    assert 10 <= len(shown) < 40
    assert shown[-1]["tags"] == ["newest"]
    assert shown[0]["sql"] == shown[0]["analysis"]["original_query"] == long
    record = lite.app.queries.get(await lite.admin(), shown[0]["id"])
    assert record.opened is not None
    assert record.opened.analysis.original_query is record.sql
