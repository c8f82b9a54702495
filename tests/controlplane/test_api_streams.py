"""Streams over REST: definitions, statistics, errors."""

from __future__ import annotations

import pytest

from engine.errors import EngineUnavailable
from tests.controlplane.conftest import API, Plane


async def test_create_answers_the_whole_stream(plane: Plane) -> None:
    body = {
        "name": "iot",
        "columns": [
            {"name": "cid", "type": "string", "codec": "ZSTD(1)", "default": None},
            {"name": "speed", "type": "nullable(float32)", "codec": ""},
        ],
        "description": None, "event_time_column": "", "ttl_expression": None, "mode": None,
        "event_time_timezone": "", "unknown_field": 1,
    }  # fmt: skip
    made = await plane.client.post(f"{API}/streams/", json=body)
    assert made.status_code == 201, made.text
    stream = made.json()
    assert stream["mode"] == "append"
    assert stream["engine"] == "Stream"
    assert stream["logstore_retention_bytes"] == 10737418240
    assert stream["logstore_retention_ms"] == 604800000
    assert stream["ttl"] == stream["ttl_expression"] == ""
    assert stream["is_external"] is False
    assert stream["created_by"]["name"] == "admin"
    assert [c["name"] for c in stream["columns"]] == ["cid", "speed", "_tp_time"]
    assert stream["columns"][0]["codec"] == "CODEC(ZSTD(1))"
    assert stream["columns"][1]["nullable"] is True
    assert stream["columns"][2]["type"] == "datetime64(3, 'UTC')"
    assert None not in stream.values()
    listed = (await plane.client.get(f"/default{API}/streams")).json()
    assert listed == [stream]
    assert (await plane.client.get(f"{API}/streams/iot/")).json() == stream


async def test_declared_event_time_is_not_doubled(lite: Plane) -> None:
    columns = [{"name": "_tp_time", "type": "datetime64(3)"}]
    made = await lite.client.post(f"{API}/streams", json={"name": "s", "columns": columns})
    assert [c["name"] for c in made.json()["columns"]] == ["_tp_time"]


async def test_json_with_streaming_parameter_creates_too(lite: Plane) -> None:
    made = await lite.client.post(
        f"{API}/streams",
        content=b'{"name":"s","columns":[{"name":"a","type":"int8"}]}',
        headers={"Content-Type": "application/json;format=streaming"},
    )
    assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"name":"s","columns":[]}', 36),
        (b'{"name":"s"}', 36),
        (b'{"name":"9s","columns":[{"name":"a","type":"int8"}]}', 400),
        (b'{"columns":[{"name":"a","type":"int8"}]}', 400),
        (b'{"name":7}', 400),
        (b'{"name":"s",', 400),
        (b"", 400),
        (b"null", 400),
        (b'{"name":"s","mode":"odd","columns":[{"name":"a","type":"int8"}]}', 36),
        (b'{"name":"s","mode":"versioned_kv","columns":[{"name":"a","type":"int8"}]}', 36),
        (b'{"name":"s","engine":"Odd","columns":[{"name":"a","type":"int8"}]}', 36),
    ],
)
async def test_bad_definitions_are_400(lite: Plane, body: bytes, code: int) -> None:
    answer = await lite.client.post(
        f"{API}/streams", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    error = answer.json()
    assert set(error) == {"code", "message", "system"}
    assert error["code"] == code
    assert error["message"]


async def test_taken_name_is_code_57(lite: Plane) -> None:
    await lite.stream()
    columns = [{"name": "a", "type": "int8"}]
    answer = await lite.client.post(f"{API}/streams", json={"name": "iot", "columns": columns})
    assert answer.status_code == 400
    assert answer.json() == {
        "code": 57, "message": "stream 'iot' already exists", "system": "proton"
    }  # fmt: skip


async def test_update_and_delete(plane: Plane) -> None:
    await plane.stream()
    changed = await plane.client.patch(
        f"{API}/streams/iot",
        json={"description": "d", "logstore_retention_ms": -1, "columns": [], "mode": "append"},
    )
    assert changed.status_code == 200
    assert changed.json()["description"] == "d"
    assert changed.json()["logstore_retention_ms"] == -1
    gone = await plane.client.request("DELETE", f"{API}/streams/iot", content=b"null")
    assert (gone.status_code, gone.content) == (204, b"")
    missing = await plane.client.get(f"{API}/streams/iot")
    assert (missing.status_code, missing.json()["code"]) == (404, 60)
    assert (await plane.client.get(f"{API}/streams")).json() == []
    assert (await plane.client.delete(f"{API}/streams/iot")).status_code == 404


async def test_statistics(lite: Plane) -> None:
    await lite.stream()
    stats = (await lite.client.get(f"{API}/streams/iot/stats")).json()
    assert stats["row_count"] == 0
    assert "earliest_event" not in stats
    assert "history" not in stats
    assert "degraded" not in stats
    assert "ttl_error" not in stats
    await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    answer = await lite.client.get(f"{API}/streams/iot/stats", params={"historyDays": 7})
    stats = answer.json()
    assert stats["latest_event"] == "2026-01-01T00:00:00.123Z"
    assert stats["degraded"] == [[4, 6]]
    assert stats["ttl_error"] == "The TTL cannot be applied."
    assert stats["history"] == [
        {"start_time": "1970-01-01T00:00:00.000Z", "read_bps": 1.0, "read_eps": 2.0,
         "written_bps": 3.0, "written_eps": 4.0}
    ]  # fmt: skip
    for days in ("0", "8", "x"):
        bad = await lite.client.get(f"{API}/streams/iot/stats", params={"historyDays": days})
        assert bad.status_code == 400, days
    expanded = (await lite.client.get(f"{API}/streams", params={"expand": "true"})).json()
    assert expanded[0]["row_count"] == 1
    assert expanded[0]["streaming_data_bytes"] == 100


async def test_other_databases_and_workspaces_do_not_exist(lite: Plane) -> None:
    answer = await lite.client.get(f"{API}/streams", params={"db": "other"})
    assert (answer.status_code, answer.json()["code"]) == (404, 81)
    assert (await lite.client.get(f"{API}/streams", params={"db": "default"})).status_code == 200
    answer = await lite.client.get(f"/elsewhere{API}/streams")
    assert (answer.status_code, answer.json()["system"]) == (404, "neutron")


async def test_definitions_come_from_the_snapshot_while_the_engine_is_away(lite: Plane) -> None:
    await lite.stream()
    lite.launcher.down = True
    lite.engine.crash()
    answer = await lite.client.get(f"{API}/streams/iot")
    assert answer.status_code == 200
    waiting = await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    assert waiting.status_code == 429
    assert int(waiting.headers["Retry-After"]) >= 1
    lite.launcher.down = False
    again = await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    assert again.status_code == 200, again.text


async def test_a_request_in_flight_at_the_crash_is_500(lite: Plane) -> None:
    await lite.stream()
    lite.engine.failure = EngineUnavailable("The engine restarted; its outcome is unknown.")
    answer = await lite.client.post(f"{API}/streams/iot/ingest", content=b"{}")
    assert answer.status_code == 500
    assert "unknown" in answer.json()["message"]


async def test_unexpected_errors_show_no_internals(lite: Plane) -> None:
    lite.engine.failure = RuntimeError("secret detail")
    columns = [{"name": "a", "type": "int8"}]
    answer = await lite.client.post(f"{API}/streams", json={"name": "s", "columns": columns})
    assert answer.status_code == 500
    assert answer.json()["system"] == "neutron"
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"]


async def test_families_and_indexes_come_back_whole(lite: Plane) -> None:
    body = {
        "name": "cars",
        "engine": "MutableStream",
        "primary_key": "cid",
        "columns": [{"name": "cid", "type": "string"}, {"name": "speed", "type": "float32"}],
        "column_families": [{"name": "hot", "columns": ["speed"]}],
        "secondary_indexes": [
            {"name": "by_speed", "columns": ["speed"], "unique": None},
            {"name": "all", "columns": ["speed"], "storing": ["cid"], "unique": True},
        ],
    }
    made = await lite.client.post(f"{API}/streams", json=body)
    assert made.status_code == 201, made.text
    for shown in (made.json(), (await lite.client.get(f"{API}/streams/cars")).json()):
        assert shown["column_families"] == [{"name": "hot", "columns": ["speed"]}]
        assert shown["secondary_indexes"] == [
            {"name": "by_speed", "columns": ["speed"], "storing": [], "unique": False},
            {"name": "all", "columns": ["speed"], "storing": ["cid"], "unique": True},
        ]
