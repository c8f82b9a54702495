"""Probes, /info, /metrics, request ids, the framework's own errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.db.session import store_url
from tests.controlplane.conftest import API, KEY, Plane, make_plane, settings_for


async def test_probes(lite: Plane) -> None:
    assert (await lite.client.get("/healthz")).json() == {"status": "ok"}
    ready = await lite.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "engine": "ok", "connectors": "ok"}},
    )
    lite.engine.writable = False
    ready = await lite.client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["engine"]) == (503, "disk full")
    lite.launcher.down = True
    lite.engine.crash()
    ready = await lite.client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["engine"]) == (503, "starting")
    assert (await lite.client.get("/healthz")).status_code == 200
    info = await lite.client.get("/default/api/info")
    assert info.status_code == 503
    assert info.json()["proton"]["version"] == "unknown"


async def test_info(lite: Plane) -> None:
    for path in ("/api/info", "/default/api/info/"):
        info = await lite.client.get(path)
        assert info.status_code == 200
        body = info.json()
        assert body["product_name"] == "Tailrace"
        for part in ("proton", "neutron", "orbit", "axion"):
            assert set(body[part]) == {"version", "commit", "build_time", "feature_flags"}
        assert body["axion"]["version"] == "unknown"


async def test_metrics(lite: Plane) -> None:
    await lite.stream()
    await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    text = (await lite.client.get("/metrics")).text
    assert 'tailrace_http_requests_total{method="POST",status="201"} 1.0' in text
    assert "tailrace_ingest_rows_total 1.0" in text
    assert "tailrace_ingest_seconds_count 1.0" in text
    assert 'tailrace_engine_up{workspace="default"} 1.0' in text
    assert 'tailrace_engine_appends{workspace="default"} 1.0' in text
    assert KEY not in text


async def test_metrics_tell_the_room_on_the_disk(lite: Plane) -> None:
    for path in ("/metrics", "/api/metrics", "/default/api/metrics"):
        text = (await lite.client.get(path)).text
        figures = dict(line.split() for line in text.splitlines() if "#" not in line)
        free, whole = (float(figures[f"tailrace_disk_{n}"]) for n in ("free_bytes", "bytes"))
        assert 0 < free < whole


async def test_users_get_the_metrics_of_their_workspace(lite: Plane) -> None:
    made = await lite.client.post(f"{API}/workspaces", json={"name": "lab"})
    headers = {"X-Api-Key": made.json()["api_key"]}
    async with lite.anonymous() as client:
        asleep = await client.get("/lab/api/metrics", headers=headers)
        assert (asleep.status_code, 'engine_up{workspace="lab"} 0.0' in asleep.text) == (200, True)
        created = await client.post(
            "/lab/api/v1beta2/streams", headers=headers,
            json={"name": "s", "columns": [{"name": "a", "type": "int8"}]},
        )  # fmt: skip
        assert created.status_code == 201, created.text
        text = (await client.get("/lab/api/metrics", headers=headers)).text
        assert 'tailrace_engine_writable{workspace="lab"} 1.0' in text
        for hidden in ("default", "tailrace_http", "tailrace_process", "tailrace_sse"):
            assert hidden not in text
        for path in ("/metrics", "/api/metrics"):
            assert (await client.get(path, headers=headers)).status_code == 404
        assert (await client.get("/lab/api/metrics")).status_code == 401


async def test_metrics_may_be_public(tmp_path: Path) -> None:
    settings = settings_for(metrics_public=True)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack, plane.anonymous() as client:
        assert (await client.get("/metrics")).status_code == 200


async def test_request_ids(lite: Plane) -> None:
    given = await lite.client.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert given.headers["X-Request-Id"] == "abc-1"
    first, second = await lite.client.get("/healthz"), await lite.client.get("/healthz")
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    odd = await lite.client.get("/healthz", headers={"X-Request-Id": "a b"})
    assert odd.headers["X-Request-Id"] != "a b"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1beta2/nothing", 404),
        ("GET", "/default/api/v1beta2/nothing/here", 404),
        ("GET", "/v1beta2/streams", 404),
        ("GET", "/default/healthz", 404),
        ("PUT", "/api/v1beta2/streams", 405),
        ("DELETE", "/healthz", 405),
        ("POST", "/metrics", 405),
    ],
)
async def test_the_frameworks_errors_have_our_body(
    lite: Plane, method: str, path: str, status: int
) -> None:
    answer = await lite.client.request(method, path)
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (set(body), body["code"], body["system"]) == (
        {"code", "message", "system"}, status, "neutron"
    )  # fmt: skip
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"s","properties":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        b"[" * 100_000,
        b"\xff\xfe",
        b'"text"',
        b"[]",
    ],
)
@pytest.mark.parametrize("path", ["sources", "queries", "streams", "users", "exec"])
async def test_malformed_bodies_are_400(lite: Plane, path: str, body: bytes) -> None:
    answer = await lite.client.post(f"{API}/{path}", content=body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "message", "system"}


async def test_too_many_requests_at_once_are_refused(tmp_path: Path) -> None:
    settings = settings_for(requests_max=1)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack:
        plane.app.front._active = 1
        answer = await plane.client.get("/healthz")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        plane.app.front._active = 0
        assert (await plane.client.get("/healthz")).status_code == 200
