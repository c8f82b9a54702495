"""Times of columns with a zone in Avro and Protobuf, also those that the zone has twice."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from typing import Any

import fastavro
import msgspec
import pytest

from connectors.formats import avro_rows, protobuf, protobuf_rows
from engine.protocol import ResultColumn

BERLIN = "2026-10-25 02:30:00.250"
# Times of a column in Berlin, as rows have them, and what hour of UTC they are.
LOCAL_TIMES = [
    (BERLIN, 0), (f"{BERLIN}+01:00", 1), (f"{BERLIN}+02:00", 0), ("2026-10-25 03:30:00.250", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "hour"), LOCAL_TIMES)
def test_local_times_become_instants(text: str, hour: int) -> None:
    """Of a time that comes twice the offset says which; where a text is wanted it is not shown."""
    instant = datetime(2026, 10, 25, hour, 30, 0, 250_000, tzinfo=UTC)
    zoned = "datetime64(3, 'Europe/Berlin')"
    columns = [ResultColumn(name, zoned) for name in ("at", "shown")]
    row = [msgspec.Raw(msgspec.json.encode(text))] * 2
    schema: Any = {
        "type": "record", "name": "R",
        "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "shown", "type": ["null", "string"]},
        ],
    }  # fmt: skip
    written = avro_rows.AvroRows(msgspec.json.encode(schema).decode(), columns).write(row)
    read = fastavro.schemaless_reader(io.BytesIO(written), fastavro.parse_schema(schema), None)
    assert read == {"at": instant, "shown": text[:23]}
    made = protobuf.ProtobufSchema(
        'syntax = "proto3"; import "google/protobuf/timestamp.proto"; '
        'import "google/protobuf/wrappers.proto"; message R { '
        "google.protobuf.Timestamp at = 1; google.protobuf.StringValue shown = 2; }"
    )
    message = made.by_name("R")
    written = protobuf_rows.ProtobufRows(made, message, columns).write(row)
    assert msgspec.json.decode(made.reader(message)(written)) == {
        "at": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "shown": text[:23],
    }  # fmt: skip


def test_local_times_within_others_become_instants_too() -> None:
    """In tuples, lists and maps; of a map's keys the offset stays, or two would become one."""
    zoned = "datetime64(3, 'Europe/Berlin')"
    columns = [
        ResultColumn("n", f"tuple(shown {zoned}, at {zoned})"),
        ResultColumn("many", f"array(nullable({zoned}))"),
        ResultColumn("by", f"map({zoned}, {zoned})"),
        ResultColumn("raw", f"tuple({zoned}, int8)"),
    ]
    second, summer = f"{BERLIN}+01:00", "2026-07-01 12:00:00.000"
    values = [[second, summer], [second, summer], {second: second}, [second, 1]]
    row = [msgspec.Raw(msgspec.json.encode(value)) for value in values]
    made = protobuf.ProtobufSchema(
        'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message N { '
        "string shown = 1; google.protobuf.Timestamp at = 2; } message R { N n = 1; "
        "repeated google.protobuf.Timestamp many = 2; "
        "map<string, google.protobuf.Timestamp> by = 3; bytes raw = 4; }"
    )
    message = made.by_name("R")
    written = protobuf_rows.ProtobufRows(made, message, columns).write(row)
    text = f'["{BERLIN}",1]'.encode()
    assert msgspec.json.decode(made.reader(message)(written)) == {
        "n": {"shown": BERLIN, "at": "2026-07-01T10:00:00Z"},
        "many": ["2026-10-25T01:30:00.250Z", "2026-07-01T10:00:00Z"],
        "by": {second: "2026-10-25T01:30:00.250Z"},
        "raw": base64.b64encode(text).decode(),
    }
    time_: Any = {"type": "long", "logicalType": "timestamp-millis"}
    inner = [{"name": "shown", "type": "string"}, {"name": "at", "type": time_}]
    schema: Any = {
        "type": "record", "name": "R",
        "fields": [
            {"name": "n", "type": {"type": "record", "name": "N", "fields": inner}},
            {"name": "many", "type": "string"},
            {"name": "by", "type": {"type": "map", "values": "string"}},
            {"name": "raw", "type": "bytes"},
        ],
    }  # fmt: skip
    written = avro_rows.AvroRows(msgspec.json.encode(schema).decode(), columns).write(row)
    read = fastavro.schemaless_reader(io.BytesIO(written), fastavro.parse_schema(schema), None)
    assert read == {
        "n": {"shown": BERLIN, "at": datetime(2026, 7, 1, 10, tzinfo=UTC)},
        "many": f'["{BERLIN}","{summer}"]',
        "by": {second: BERLIN},
        "raw": text,
    }
