"""Wire rules of every operation: bodies of a wrong kind, methods, content types, slow senders."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.control import Validate, frame
from controlplane.db.session import store_url
from engine.errors import UserError
from tests.controlplane.conftest import API, KEY, Plane, make_plane, settings_for

SOURCE = {
    "name": "gen",
    "type": "stream_generator",
    "stream": "iot",
    "properties": {"template": "iot"},
}
COLUMNS = '"columns":[{"name":"a","type":"int8"}]'


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"s","logstore_retention_ms":"5",%s}' % COLUMNS.encode(),
        b'{"name":"s","logstore_retention_ms":5.5,%s}' % COLUMNS.encode(),
        b'{"name":"s","logstore_retention_ms":99999999999999999999999,%s}' % COLUMNS.encode(),
        b'{"name":"s","shards":-99999999999999999999999,%s}' % COLUMNS.encode(),
        b'{"name":"\xff",%s}' % COLUMNS.encode(),
        b"[" * 100_000,
        b'{"name":"s","columns":[{"name":"a"}]}',
    ],
)
async def test_bodies_of_a_wrong_kind_are_400(lite: Plane, body: bytes) -> None:
    answer = await lite.client.post(
        f"{API}/streams", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["system"] == "neutron"
    assert (await lite.client.get(f"{API}/streams")).json() == []


@pytest.mark.parametrize(
    "content_type", ["text/xml", "Application/XML; charset=utf-8", "multipart/form-data", "json"]
)
@pytest.mark.parametrize("path", ["streams", "queries", "streams/iot/ingest", "users", "sources"])
async def test_a_body_of_another_type_is_415(lite: Plane, path: str, content_type: str) -> None:
    await lite.stream()
    headers = {"Content-Type": content_type}
    body = b'{"columns": [], "data": [], "sql": "select 1", "name": "other"}'
    answer = await lite.client.post(f"{API}/{path}", content=body, headers=headers)
    assert answer.status_code == 415, answer.text
    assert content_type.partition(";")[0].lower() in answer.json()["message"]
    assert (answer.json()["code"], answer.json()["system"]) == (415, "neutron")
    assert lite.engine.appends == []


@pytest.mark.parametrize(
    "content_type",
    ["", "application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/x+json"],
)
async def test_a_body_that_is_not_said_to_be_something_else_is_json(
    lite: Plane, content_type: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    body = b'{"name": "iot", "columns": [{"name": "a", "type": "string"}]}'
    answer = await lite.client.post(f"{API}/streams", content=body, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_operations_without_a_body_take_any(lite: Plane) -> None:
    await lite.stream()
    headers = {"Content-Type": "text/xml"}
    path = f"{API}/streams/iot"
    gone = await lite.client.request("DELETE", path, content=b"null", headers=headers)
    assert gone.status_code == 204
    chosen = f"{API}/streams/iot/ingest?format=lines"
    await lite.stream()
    assert (await lite.client.post(chosen, content=b"<a/>", headers=headers)).status_code == 200


async def test_a_missing_body_is_said_so(lite: Plane) -> None:
    answer = await lite.client.post(f"{API}/streams")
    assert (answer.status_code, answer.json()["message"]) == (400, "The body is missing.")


def test_numbers_beyond_64_bits_in_properties_are_400() -> None:
    with pytest.raises(UserError) as caught:
        frame((1, Validate("stream_generator", {"x": 10**30})))
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("path", "methods"),
    [("streams", "GET, POST"), ("streams/iot", "DELETE, GET, PATCH"), ("streams/x/ingest", "POST")],
)
async def test_options_names_the_methods(lite: Plane, path: str, methods: str) -> None:
    answer = await lite.client.options(f"{API}/{path}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


@pytest.mark.parametrize("path", ["/metrics", "/docs"])
async def test_content_types_have_one_charset(lite: Plane, path: str) -> None:
    answer = await lite.client.get(path)
    assert answer.headers["Content-Type"].count("charset") == 1


@pytest.mark.parametrize("prefix", ["proton", "timeplusd"])
async def test_low_level_ingest_is_compact_only(lite: Plane, prefix: str) -> None:
    await lite.stream()
    answer = await lite.client.post(
        f"/{prefix}/v1/ingest/streams/iot?format=lines",
        content=b'{"columns":[],"data":[]}',
        headers={"Content-Type": "text/plain"},
    )
    assert answer.status_code == 200
    assert lite.engine.appends[-1][0].format == "compact"


async def test_a_body_that_stops_coming_is_408(tmp_path: Path) -> None:
    settings = settings_for(body_idle_seconds=1)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    sent: list[dict[str, Any]] = []
    parts = [{"type": "http.request", "body": b'{"name"', "more_body": True}]

    async def receive() -> dict[str, Any]:
        if parts:
            return parts.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": f"{API}/streams", "raw_path": b"", "query_string": b"",
        "root_path": "", "headers": [(b"x-api-key", KEY.encode())], "server": ("test", 80),
        "client": ("test", 1), "state": {},
    }  # fmt: skip
    async with stack, asyncio.timeout(10):
        await plane.app.front(scope, receive, send)
    assert sent[0]["status"] == 408
    assert b'"system":"neutron"' in sent[1]["body"]


@pytest.mark.parametrize("text", ["2999-01-01 00:00:00Z", "2999-01-01T00:00:00+0200"])
async def test_only_true_rfc3339_is_an_expiry(lite: Plane, text: str) -> None:
    answer = await lite.client.post(f"{API}/auth/api_keys", json={"expire_at": text})
    assert answer.status_code == 400, answer.text


async def test_a_bad_duration_is_the_control_planes_error(lite: Plane) -> None:
    answer = await lite.client.post(f"{API}/auth/api_keys", json={"expire_in": "soon"})
    assert (answer.status_code, answer.json()["system"]) == (400, "neutron")
    assert "expire_in" in answer.json()["message"]


@pytest.mark.parametrize("sql", ["SHOW STREAMS", "DESCRIBE iot", "EXPLAIN SELECT 1"])
async def test_definitions_only_where_only_definitions_run(lite: Plane, sql: str) -> None:
    body = {"sql": sql, "type": "ddl"}
    for path in ("exec", "queries/exec"):
        assert (await lite.client.post(f"{API}/{path}", json=body)).status_code == 400


async def test_a_stream_in_use_names_the_source(plane: Plane) -> None:
    await plane.stream()
    made = (await plane.client.post(f"{API}/sources", json=SOURCE)).json()
    refused = await plane.client.delete(f"{API}/streams/iot")
    assert (refused.status_code, refused.json()["code"]) == (400, 630)
    assert "source gen" in refused.json()["message"]
    assert made["id"] not in refused.json()["message"]


async def test_wide_ranges_of_statistics_are_cut(lite: Plane) -> None:
    await lite.stream()
    made = (await lite.client.post(f"{API}/sources", json=SOURCE)).json()
    ranges = {"error_log_time_range": "30d", "metrics_time_range": "2w"}
    path = f"{API}/sources/{made['id']}"
    assert (await lite.client.get(f"{path}/stats", params=ranges)).status_code == 200
    await lite.client.post(f"{path}/stop")
    await lite.client.put(path, json={"description": "d"})
    kept = await lite.client.put(path, json={"description": "", "name": "", "stream": None})
    assert (kept.json()["description"], kept.json()["name"]) == ("d", "gen")
