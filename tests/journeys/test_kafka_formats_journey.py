"""Avro and Protobuf of Kafka through the whole server: into typed columns and out of them."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from connectors.formats import framing
from tests.journeys.external_calls import run
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.kafka import Kafka, kafka
from tests.services.schema_registry import Client, registry, schema_registry

__all__ = ["kafka", "registry", "schema_registry"]

SECONDS = 30.0
AVRO = {
    "type": "record", "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "price", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["red", "blue"]}},
        {"name": "note", "type": ["null", "string"]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "by", "type": {"type": "map", "values": "int"}},
        {"name": "place", "type": {"type": "record", "name": "Place", "fields": [
            {"name": "x", "type": "double"}, {"name": "y", "type": "double"}]}},
        {"name": "free", "type": "Place"},
    ],
}  # fmt: skip
VALUE = {
    "id": 2**53 + 1, "price": Decimal("12345678901234567.89"),
    # The second 02:30 of that night in Berlin.
    "at": datetime(2026, 10, 25, 1, 30, 0, 250_000, tzinfo=UTC), "day": date(2026, 1, 31),
    "key": UUID(int=5), "color": "blue", "note": None, "tags": ["a"], "by": {"k": 1},
    "place": {"x": 1.5, "y": float("inf")}, "free": {"x": 0.0, "y": 1.0},
}  # fmt: skip
COLUMNS = {
    "id": "int64", "price": "decimal(20, 2)", "at": "datetime64(3, 'Europe/Berlin')",
    "day": "date",
    "key": "uuid", "color": "enum8('red' = 1, 'blue' = 2)", "note": "nullable(string)",
    "tags": "array(string)", "by": "map(string, int32)",
    "place": "tuple(x float64, y float64)", "free": "json",
}  # fmt: skip
SHOWN = (
    "select to_string(id), to_string(price), to_string(at), to_unix_timestamp64_milli(at), "
    "to_string(day), to_string(key), "
    "to_string(color), note, tags, by, place.1, to_string(place.2), to_string(free) from table({})"
)
ROW = [
    "9007199254740993", "12345678901234567.89", "2026-10-25 02:30:00.250",
    1_792_891_800_250, "2026-01-31",
    "00000000-0000-0000-0000-000000000005", "blue", None, ["a"], {"k": 1}, 1.5, "inf",
    '{"x":0.0,"y":1.0}',
]  # fmt: skip


def message(id_: int) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(AVRO), VALUE)
    return framing.header(id_) + stream.getvalue()


async def publish(kafka: Kafka, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(acks="all", **kafka.client()) as producer:
        await producer.send_and_wait(topic, value)


async def one(kafka: Kafka, topic: str) -> bytes:
    """The first record that is committed."""
    consumer = AIOKafkaConsumer(
        topic, auto_offset_reset="earliest", isolation_level="read_committed", **kafka.client()
    )
    async with consumer, asyncio.timeout(SECONDS):
        return (await consumer.getone()).value or b""


def made(server: Server, kind: str, name: str, **fields: Any) -> None:
    answer = server.call("POST", f"/{kind}", {"name": name, "type": "kafka", **fields})
    assert answer.status_code == 201, answer.text


def test_avro_in_typed_columns_and_out_again(
    server: Server, kafka: Kafka, registry: Client
) -> None:
    given, taken = asyncio.run(kafka.new_topic()), asyncio.run(kafka.new_topic())
    asyncio.run(publish(kafka, given, message(registry.register(f"{given}-value", AVRO))))
    base = {
        "brokers": kafka.bootstrap, "tls": {"disable": True}, "data_type": "avro",
        **registry.properties,
    }  # fmt: skip
    server.create("orders", **COLUMNS)
    server.create("copied", **COLUMNS)
    columns = ", ".join(COLUMNS)
    out = {**base, "topic": taken, "transactional": True}
    made(server, "sinks", "out", query=f"select {columns} from orders", properties=out)
    for name, stream, topic in (("first", "orders", given), ("second", "copied", taken)):
        properties = {**base, "topic": topic, "offset": "earliest"}
        made(server, "sources", name, stream=stream, properties=properties)
    wait_until(lambda: bool(server.select(SHOWN.format("copied"))), SECONDS, "a row that came back")
    assert server.select(SHOWN.format("orders")) == [ROW]
    assert server.select(SHOWN.format("copied")) == [ROW]
    listed = server.call("GET", "/sources").json() + server.call("GET", "/sinks").json()
    assert "******" in str(listed) or not registry.secret
    assert registry.secret not in str(listed) or not registry.secret


def test_a_schema_of_the_workspace_is_previewed_and_kept_while_it_is_used(
    server: Server, kafka: Kafka
) -> None:
    proto = 'syntax = "proto3"; message Row { int64 n = 1; string t = 2; }'
    answer = server.call("POST", "/schemas", {"name": "rows", "type": "Protobuf", "content": proto})
    assert answer.status_code == 201, answer.text
    topic = asyncio.run(kafka.new_topic())
    asyncio.run(publish(kafka, topic, b"\x08\x05\x12\x01x"))
    properties = {
        "brokers": kafka.bootstrap, "tls": {"disable": True}, "data_type": "protobuf",
        "protobuf_schema": "rows", "protobuf_message": "Row", "topic": topic,
        "offset": "earliest",
    }  # fmt: skip
    asked = {"type": "kafka", "properties": properties, "size": 1, "timeout": "20s"}
    assert server.call("POST", "/source/preview", asked).json() == [{"n": 5, "t": "x"}]
    server.create("events", n="int64", t="string")
    out = {name: value for name, value in properties.items() if name != "offset"}
    target = asyncio.run(kafka.new_topic())
    made(
        server, "sinks", "out", query="select n, t from events", properties=out | {"topic": target}
    )
    refused = server.call("DELETE", "/schemas/rows")
    assert (refused.status_code, "sink out" in refused.text) == (400, True)
    made(server, "sources", "in", stream="events", properties=properties)
    assert asyncio.run(one(kafka, target)) == b"\x08\x05\x12\x01x"
    assert msgspec.json.decode(server.call("DELETE", "/schemas/rows").content)["code"] == 630


def test_avro_of_external_streams_keeps_instants(
    server: Server, kafka: Kafka, registry: Client
) -> None:
    """Inserted, written by a view, and read again: both times that a zone has twice."""
    topic, credentials = asyncio.run(kafka.new_topic()), f"{registry.key}:{registry.secret}"
    run(
        server,
        "CREATE EXTERNAL STREAM ext (i int32, at datetime64(3, 'Europe/Berlin'), text string) "
        f"SETTINGS type = 'kafka', brokers = '{kafka.bootstrap}', topic = '{topic}', "
        f"data_format = 'Avro', kafka_schema_registry_url = '{registry.url}'"
        + (f", kafka_schema_registry_credentials = '{credentials}'" if registry.key else ""),
    )
    server.create("given", i="int32", at="datetime64(3, 'Europe/Berlin')")
    first, second = 1_792_888_200_250, 1_792_891_800_250  # both are 02:30:00.250
    at = "from_unix_timestamp64_milli({}, 'Europe/Berlin')"
    run(server, f"INSERT INTO ext (i, at) SELECT 1, {at.format(first)}")
    run(server, f"INSERT INTO ext (i, at, text) SELECT 2, {at.format(second)} AS t, to_string(t)")
    run(server, "CREATE MATERIALIZED VIEW mv INTO ext AS SELECT i, at, '' AS text FROM given")
    for number, time in ((3, first), (4, second)):
        run(server, f"INSERT INTO given (i, at) SELECT {number}, {at.format(time)}")
    sql = "SELECT i, to_unix_timestamp64_milli(at), text FROM table(ext) ORDER BY i"
    due = [[1, first, ""], [2, second, "2026-10-25 02:30:00.250"], [3, first, ""], [4, second, ""]]
    wait_until(lambda: len(server.select(sql)) == len(due), SECONDS, "all messages")
    assert server.select(sql) == due
