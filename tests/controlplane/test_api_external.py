"""External streams, external tables and schemas over REST."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.sources.kafka import Config
from controlplane.services.external_streams import kafka_properties
from engine.errors import Code, SqlError, UserError
from tests.controlplane.conftest import API, Plane

STREAM: dict[str, Any] = {
    "name": "shop",
    "description": "orders",
    "columns": [{"name": "id", "type": "int32"}, {"name": "note", "type": "string"}],
    "settings": [
        {"key": "type", "value": "kafka"},
        {"key": "brokers", "value": "nobody.invalid:9092"},
        {"key": "topic", "value": "orders"},
        {"key": "password", "value": "very secret"},
    ],
    "unknown_field": 1,
}
TABLE: dict[str, Any] = {
    "name": "users",
    "description": None,
    "settings": [
        {"key": "type", "value": "postgresql"},
        {"key": "address", "value": "db:5432"},
        {"key": "password", "value": "very secret"},
    ],
}
SCHEMA = {"name": "search", "type": "Protobuf", "content": "message Search {}"}
MASKED = {"key": "password", "value": "******"}


async def test_an_external_stream_is_created_shown_and_deleted(plane: Plane) -> None:
    path = f"{API}/external_streams"
    made = await plane.client.post(f"{path}/", json=STREAM)
    assert made.status_code == 201, made.text
    body = made.json()
    assert set(body) == {"columns", "description", "name", "settings"}
    assert [c["name"] for c in body["columns"]] == ["id", "note"]
    assert body["settings"] == [*STREAM["settings"][:-1], MASKED]
    shown = (await plane.client.get(f"{path}/shop")).json()
    assert {k: shown[k] for k in body} == body
    assert shown["type"] == "kafka"
    assert shown["created_by"]["name"] == "admin"
    assert isinstance(shown["create_query"], str)
    listed = await plane.client.get(f"/default{path}?db=default")
    assert listed.json() == [shown]
    assert "very secret" not in made.text + listed.text
    assert (await plane.client.get(f"{API}/streams")).json() == []
    assert (await plane.client.get(f"{API}/streams/shop")).status_code == 404
    gone = await plane.client.request("DELETE", f"{path}/shop", content=b"null")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await plane.client.get(f"{path}/shop")).status_code == 404
    assert (await plane.client.delete(f"{path}/shop")).status_code == 404


async def test_statistics_have_the_shape_of_a_streams(lite: Plane) -> None:
    path = f"{API}/external_streams"
    await lite.client.post(path, json=STREAM)
    stats = (await lite.client.get(f"{path}/shop/stats?historyDays=1")).json()
    assert {"row_count", "read_eps", "written_bps", "history"} <= set(stats)
    assert (await lite.client.get(f"{path}/shop/stats?historyDays=8")).status_code == 400
    assert (await lite.client.get(f"{path}/none/stats")).status_code == 404


async def test_a_patch_of_an_external_stream_is_501(lite: Plane) -> None:
    await lite.client.post(f"{API}/external_streams", json=STREAM)
    answer = await lite.client.patch(f"{API}/streams/shop", json={"description": "x"})
    assert answer.status_code == 501
    assert set(answer.json()) == {"code", "message", "system"}


async def test_an_external_table_is_created_shown_and_deleted(plane: Plane) -> None:
    path = f"{API}/external_tables"
    made = await plane.client.post(path, json=TABLE)
    assert made.status_code == 201, made.text
    assert made.json() == {
        "name": "users",
        "description": "",
        "settings": [*TABLE["settings"][:-1], MASKED],
    }
    shown = (await plane.client.get(f"{path}/users")).json()
    assert (shown["type"], shown["description"]) == ("postgresql", "")
    listed = await plane.client.get(path)
    assert listed.json() == [shown]
    assert "very secret" not in listed.text
    assert (await plane.client.get(f"{API}/external_streams")).json() == []
    assert (await plane.client.delete(f"{API}/external_streams/users")).status_code == 404
    assert (await plane.client.delete(f"{path}/users")).status_code == 204
    assert (await plane.client.get(f"{path}/users")).status_code == 404


@pytest.mark.parametrize("group", ["external_streams", "external_tables"])
@pytest.mark.parametrize(
    "change",
    [
        {"name": "9x"},
        {"name": "a b"},
        {"name": None},
        {"settings": None},
        {"settings": {"type": "kafka"}},
        {"settings": [{"key": "type", "value": 1}]},
        {"settings": [{"key": "type", "value": "kafka"}, {"key": "Type", "value": "kafka"}]},
        {"settings": [{"value": "kafka"}]},
    ],
)
async def test_bad_external_objects_are_400(
    lite: Plane, group: str, change: dict[str, Any]
) -> None:
    answer = await lite.client.post(f"{API}/{group}", json={**STREAM, **change})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "message", "system"}
    missing = {k: v for k, v in STREAM.items() if k not in change}
    assert (await lite.client.post(f"{API}/{group}", json=missing)).status_code == 400
    assert lite.engine.by_name == {}


async def test_names_are_shared_with_streams(lite: Plane) -> None:
    await lite.stream("shop")
    taken = await lite.client.post(f"{API}/external_streams", json=STREAM)
    assert (taken.status_code, taken.json()["code"]) == (400, Code.STREAM_ALREADY_EXISTS)
    assert (await lite.client.get(f"{API}/external_streams/shop")).status_code == 404
    assert (await lite.client.delete(f"{API}/external_streams/shop")).status_code == 404


async def test_another_database_is_404(lite: Plane) -> None:
    for path in ("external_streams", "external_streams/x", "external_tables", "external_tables/x"):
        answer = await lite.client.get(f"{API}/{path}?db=other")
        assert (answer.status_code, answer.json()["code"]) == (404, Code.UNKNOWN_DATABASE)


async def test_a_schema_is_created_shown_replaced_and_deleted(plane: Plane) -> None:
    path = f"{API}/schemas"
    made = await plane.client.post(f"{path}/", json=SCHEMA)
    assert (made.status_code, made.json()) == (201, SCHEMA)
    shown = (await plane.client.get(f"{path}/search")).json()
    assert {k: shown[k] for k in SCHEMA} == SCHEMA
    assert shown["created_by"]["name"] == "admin"
    assert (await plane.client.get(path)).json() == [shown]
    other = {**SCHEMA, "content": "message Other {}"}
    put = await plane.client.put(f"{path}/search", json=other)
    assert (put.status_code, put.json()) == (200, other)
    assert (await plane.client.get(f"{path}/search")).json()["content"] == other["content"]
    named = await plane.client.put(f"{path}/search", json={**other, "name": "another"})
    assert named.status_code == 400
    assert (
        await plane.client.put(f"{path}/none", json={**other, "name": "none"})
    ).status_code == 404
    gone = await plane.client.request("DELETE", f"{path}/search", content=b"null")
    assert (gone.status_code, gone.content) == (204, b"")
    missing = await plane.client.get(f"{path}/search")
    assert (missing.status_code, missing.json()["code"]) == (404, Code.RESOURCE_NOT_FOUND)


@pytest.mark.parametrize(
    "change", [{"name": "9x"}, {"name": None}, {"type": None}, {"content": None}, {"content": 1}]
)
async def test_bad_schemas_are_400(lite: Plane, change: dict[str, Any]) -> None:
    answer = await lite.client.post(f"{API}/schemas", json={**SCHEMA, **change})
    assert answer.status_code == 400, answer.text


async def test_what_the_engine_refuses_is_400(lite: Plane) -> None:
    lite.engine.failure = SqlError("the schema x is no valid Protobuf: line 1, column 1: no")
    answer = await lite.client.post(f"{API}/schemas", json=SCHEMA)
    assert (answer.status_code, answer.json()["code"]) == (400, Code.SYNTAX_ERROR)
    await lite.client.post(f"{API}/schemas", json=SCHEMA)
    lite.engine.failure = UserError("used by e", Code.HAVE_DEPENDENT_OBJECTS)
    kept = await lite.client.delete(f"{API}/schemas/search")
    assert (kept.status_code, kept.json()["code"]) == (400, Code.HAVE_DEPENDENT_OBJECTS)


async def test_writers_and_readers_see_and_change_nothing(lite: Plane) -> None:
    await lite.client.post(f"{API}/external_streams", json=STREAM)
    for role in ("writer", "read_only"):
        async with await lite.user(f"user_{role}", role) as client:
            for group, body in (
                ("external_streams", STREAM),
                ("external_tables", TABLE),
                ("schemas", SCHEMA),
            ):
                assert (await client.get(f"{API}/{group}")).status_code == 200
                assert (await client.post(f"{API}/{group}", json=body)).status_code == 403
                assert (await client.delete(f"{API}/{group}/none")).status_code == 403


async def test_a_preview_reads_by_the_kafka_source(lite: Plane) -> None:
    path = f"{API}/external_streams/preview"
    body: dict[str, Any] = {"settings": STREAM["settings"], "count": 2}
    answer = await lite.client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (200, [{"n": 0}, {"n": 1}])
    one = await lite.client.post(path, json={**body, "count": None, "timeout": 1})
    assert len(one.json()) == 1
    avro = [*STREAM["settings"], {"key": "data_format", "value": "Avro"}]
    for change in ({"settings": avro}, {"settings": []}, {"offset": "middle"}, {"count": "1"}):
        assert (await lite.client.post(path, json={**body, **change})).status_code == 400
    lite.connectors.away = True
    assert (await lite.client.post(path, json=body)).status_code == 429


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"data_type": "text", "tls": {"disable": True, "skip_verify_server": False}}),
        (
            {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-256",
                "username": "bob",
                "password": "hidden",
                "data_format": "JSONEachRow",
                "skip_ssl_cert_check": "true",
            },
            {
                "data_type": "json",
                "tls": {"disable": False, "skip_verify_server": True},
                "sasl": "scram-sha-256",
                "username": "bob",
                "password": "hidden",
            },
        ),
    ],
)
def test_settings_become_properties_of_the_source(
    given: dict[str, str], expected: dict[str, Any]
) -> None:
    where = {"brokers": "b:1", "topic": "t"}
    properties = kafka_properties({**where, **given}, "earliest")
    assert properties == {**where, "offset": "earliest", **expected}
    assert msgspec.convert(properties, Config).topic == "t"
