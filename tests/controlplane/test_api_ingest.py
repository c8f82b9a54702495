"""Ingest over REST: formats by content type, ids, limits, gzip; the body arrives untouched."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from controlplane.api.ingest import format_of
from controlplane.db.session import store_url
from engine.errors import IngestError, Overloaded, StorageFull, TooLarge
from tests.controlplane.conftest import API, KEY, Plane, make_plane, settings_for

PATH = f"{API}/streams/iot/ingest"
JSON = "application/json"
TIMEPLUS = "application/vnd.timeplus+json"


@pytest.mark.parametrize(
    ("content_type", "query", "expected"),
    [
        ("", "", "compact"),
        (JSON, "", "compact"),
        (f"{JSON};charset=utf-8", "", "compact"),
        (f"{JSON};format=compact", "", "compact"),
        (f"{JSON};format=compat", "", "compact"),
        (f"{JSON}; format=streaming; charset=utf-8", "", "streaming"),
        (f'{JSON};format="stream"', "", "streaming"),
        (TIMEPLUS, "", "compact"),
        (f"{TIMEPLUS};format=streaming", "", "streaming"),
        ("Application/X-NDJSON", "", "streaming"),
        ("text/plain", "", "raw"),
        ("text/plain;format=raw", "", "raw"),
        ("text/plain; format=lines", "", "lines"),
        ("application/octet-stream", "", "compact"),
        (JSON, "format=lines", "lines"),
        ("text/plain;format=lines", "format=compact&db=default", "compact"),
        (JSON, "db=default", "compact"),
    ],
)
async def test_formats(lite: Plane, content_type: str, query: str, expected: str) -> None:
    await lite.stream()
    headers = {"Content-Type": content_type} if content_type else {}
    body = b' \n{"a": 1}\r\n\xff '
    answer = await lite.client.post(f"{PATH}?{query}", content=body, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    request, stored = lite.engine.appends[-1]
    assert (request.stream, request.format, stored) == ("iot", expected, body)
    assert format_of(content_type.encode(), query.encode()) == expected


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{PATH}?format=csv", 400, 36),
        (f"{PATH}?db=other", 404, 81),
        (f"{API}/streams/missing/ingest", 404, 60),
        (f"/elsewhere{PATH}", 404, 404),
    ],
)
async def test_refusals(lite: Plane, path: str, status: int, code: int) -> None:
    await lite.stream()
    answer = await lite.client.post(path, content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert lite.engine.appends == []


@pytest.mark.parametrize(
    ("failure", "status", "retry"),
    [
        (IngestError("Row 1, column speed: not a number."), 400, False),
        (TooLarge("More than 100000 rows."), 413, False),
        (Overloaded("The log does not keep up."), 429, True),
        (StorageFull("The disk is full."), 507, True),
        (RuntimeError("inner detail"), 500, False),
    ],
)
async def test_errors_of_the_engine(
    lite: Plane, failure: Exception, status: int, retry: bool
) -> None:
    await lite.stream()
    lite.engine.failure = failure
    answer = await lite.client.post(PATH, content=b"{}")
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message", "system"}
    assert ("Retry-After" in answer.headers) == retry
    assert "inner" not in answer.text
    assert answer.headers["Content-Type"] == "application/json"


async def test_other_spellings_of_the_address(lite: Plane) -> None:
    await lite.stream()
    for path in (
        f"{PATH}/",
        f"/default{PATH}",
        "/proton/v1/ingest/streams/iot",
        "/timeplusd/v1/ingest/streams/iot/",
    ):
        assert (await lite.client.post(path, content=b"{}")).status_code == 200, path
    answer = await lite.client.get(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["system"] == "neutron"


async def test_idempotency_ids(lite: Plane) -> None:
    await lite.stream()
    for name in ("x-timeplus-idempotent-id", "Idempotency-Key"):
        answer = await lite.client.post(PATH, content=b"{}", headers={name: "batch 1"})
        assert answer.status_code == 200
        assert lite.engine.appends[-1][0].idempotency_id == "batch 1"
    for bad in ("", "x" * 129, "tab\there"):
        headers = {"Idempotency-Key": bad}
        assert (await lite.client.post(PATH, content=b"{}", headers=headers)).status_code == 400


async def test_gzip(lite: Plane) -> None:
    await lite.stream()
    headers = {"Content-Encoding": "gzip"}
    for body in (b"", b'{"a":1}', b"x" * 500_000):
        answer = await lite.client.post(PATH, content=gzip.compress(body), headers=headers)
        assert answer.status_code == 200
        assert lite.engine.appends[-1][1] == body
    two = gzip.compress(b"one") + gzip.compress(b"two")
    await lite.client.post(PATH, content=two, headers=headers)
    assert lite.engine.appends[-1][1] == b"onetwo"
    for bad in (b"plain", gzip.compress(b"x" * 5000)[:-12]):
        answer = await lite.client.post(PATH, content=bad, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, 117)
    answer = await lite.client.post(PATH, content=b"{}", headers={"Content-Encoding": "br"})
    assert answer.status_code == 415


async def test_sizes(tmp_path: Path) -> None:
    settings = settings_for(body_bytes_max=2000, inflated_bytes_max=10_000)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack:
        await plane.stream()
        exact = await plane.client.post(PATH, content=b"x" * 2000)
        assert exact.status_code == 200

        async def chunks() -> Any:
            for _ in range(21):
                yield b"x" * 100

        for body in (b"x" * 2001, chunks()):
            answer = await plane.client.post(PATH, content=body)
            assert answer.status_code == 413, answer.text
            assert answer.json()["system"] == "neutron"
        gzipped = {"Content-Encoding": "gzip"}
        answer = await plane.client.post(
            PATH, content=gzip.compress(b"x" * 10_001), headers=gzipped
        )
        assert answer.status_code == 413
        answer = await plane.client.post(
            PATH, content=gzip.compress(b"x" * 10_000), headers=gzipped
        )
        assert answer.status_code == 200
        columns = [{"name": "x" * 3000, "type": "int8"}]
        answer = await plane.client.post(f"{API}/streams", json={"name": "s", "columns": columns})
        assert (answer.status_code, answer.json()["system"]) == (413, "neutron")


async def test_a_body_that_stops_coming_is_given_up(tmp_path: Path) -> None:
    settings = settings_for(body_idle_seconds=1)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack:
        await plane.stream()
        sent: list[dict[str, Any]] = []
        first = [{"type": "http.request", "body": b"{", "more_body": True}]

        async def receive() -> dict[str, Any]:
            return first.pop() if first else await asyncio.Event().wait()  # type: ignore[return-value]

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": PATH, "query_string": b"",
            "headers": [(b"x-api-key", KEY.encode())],
        }  # fmt: skip
        await plane.app.front(scope, receive, send)
        assert sent[0]["status"] == 408
