"""The catalog for editors, and the types of connectors for forms, over REST."""

from __future__ import annotations

import time

import msgspec

from engine.protocol import ColumnDef, Definition
from tests.controlplane.conftest import API, Plane

CATALOG = f"{API}/catalog"


async def test_the_catalog_has_what_statements_can_name(lite: Plane) -> None:
    await lite.stream("iot")
    made = {
        "name": "area", "type": "sql", "arguments": [{"name": "w"}, {"name": "h"}],
        "return_type": "", "source": "w * h", "description": "Of a rectangle",
    }  # fmt: skip
    answer = await lite.client.post(f"{API}/udfs", json=made)
    assert answer.status_code == 201, answer.text
    found = (await lite.client.get(CATALOG)).json()
    (iot,) = found["objects"]
    assert (iot["name"], iot["kind"], iot["mode"]) == ("iot", "stream", "append")
    assert [(c["name"], c["type"]) for c in iot["columns"]] == [
        ("cid", "string"),
        ("speed", "float32"),
    ]
    (area,) = found["functions"]
    assert area["signatures"] == ["area(w, h)"]
    assert (area["kind"], area["language"]) == ("scalar", "sql")
    assert area["summary"] == "Of a rectangle"
    functions = {one["name"]: one for one in found["dialect"]["functions"]}
    assert functions["abs"]["signatures"] == ["abs(number)"]
    assert functions["count"]["kind"] == "aggregate"
    assert functions["tumble"]["kind"] == "window"
    assert "EMIT" in found["dialect"]["keywords"]
    assert {"names": ["second", "seconds", "sec", "s"], "unit": "s"} in found["dialect"][
        "interval_units"
    ]


async def test_the_catalog_comes_again_only_when_it_changed(lite: Plane) -> None:
    await lite.stream("iot")
    first = await lite.client.get(CATALOG)
    tag = first.headers["ETag"]
    same = await lite.client.get(CATALOG, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    await lite.stream("cars")
    other = await lite.client.get(CATALOG, headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert [one["name"] for one in other.json()["objects"]] == ["cars", "iot"]
    short = await lite.client.get(CATALOG, params={"dialect": "false"})
    assert set(short.json()) == {"functions", "objects"}
    assert short.headers["ETag"] != other.headers["ETag"]


async def test_settings_of_external_objects_are_not_shown(lite: Plane) -> None:
    settings = {"type": "kafka", "brokers": "127.0.0.1:9092", "password": "hush", "topic": "t"}
    columns = (ColumnDef("raw", "string"),)
    made = Definition("1", "orders", "external_stream", columns=columns, settings=settings)
    lite.engine.by_name["orders"] = made
    await (await lite.app.engines.of("default")).refresh()
    answer = await lite.client.get(CATALOG)
    assert answer.json()["objects"][0]["type"] == "kafka"
    assert "hush" not in answer.text
    assert "127.0.0.1:9092" not in answer.text


async def test_three_hundred_streams_are_there_at_once(lite: Plane) -> None:
    columns = tuple(ColumnDef(f"column_{at}", "nullable(string)") for at in range(20))
    for at in range(300):
        made = Definition(str(at), f"stream_{at:03}", "stream", columns=columns)
        lite.engine.by_name[made.name] = made
    lite.engine.revision += 1
    await (await lite.app.engines.of("default")).refresh()
    begun = time.process_time()
    answer = await lite.client.get(CATALOG)
    assert time.process_time() - begun < 1.0
    assert len(answer.json()["objects"]) == 300
    assert len(msgspec.json.encode(answer.json()["objects"])) > 100_000


async def test_a_key_that_may_not_read_queries_gets_no_catalog(lite: Plane) -> None:
    body = {"name": "rows", "permissions": ["write:stream"]}
    key = (await lite.client.post(f"{API}/auth/api_keys", json=body)).json()["api_key"]
    async with lite.with_key(key) as narrow:
        assert (await narrow.get(CATALOG)).status_code == 403
        assert (await narrow.get(f"{API}/connectors")).status_code == 403


async def test_types_of_connectors_come_with_their_schema(lite: Plane) -> None:
    found = (await lite.client.get(f"{API}/connectors")).json()
    assert [one["name"] for one in found["sources"]] == ["stream_generator"]
    assert [one["name"] for one in found["sinks"]] == ["http"]
    tables = {one["name"]: one for one in found["external_tables"]}
    assert set(tables) == {"clickhouse", "mysql", "postgresql"}
    assert tables["postgresql"]["secrets"] == ["password"]
    assert tables["postgresql"]["defaults"]["pooled_connections"] == 4
    assert tables["postgresql"]["schema"]["required"] == ["address"]
    streams = {one["name"]: one for one in found["external_streams"]}
    assert streams["kafka"]["verbs"] == ["preview"]


async def test_types_of_connectors_wait_for_the_connector_process(lite: Plane) -> None:
    lite.connectors.away = True
    assert (await lite.client.get(f"{API}/connectors")).status_code == 429
    lite.connectors.away = False
    assert (await lite.client.get(f"{API}/connectors")).status_code == 200
