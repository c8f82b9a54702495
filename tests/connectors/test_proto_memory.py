"""What Protobuf would allocate for a few bytes: known before they are parsed, and bounded."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import proto_memory, protobuf
from connectors.formats.contract import Format, FormatContext, Undecodable
from connectors.formats.decoders import decoder
from engine.clock import SystemClock

FIELDS = "".join(f"  optional int64 f{n} = {n};\n" for n in range(1, 1_001))
SCHEMA = f"""
syntax = "proto2";
message Wide {{ {FIELDS} }}
message Row {{
  repeated Wide wide = 1;
  map<string, Wide> named = 2;
  optional Row row = 3;
  repeated group Part = 4 {{ optional Wide wide = 1; }}
  optional string text = 5;
}}
"""


@pytest.fixture(scope="module")
def schema() -> protobuf.ProtobufSchema:
    """Rows with messages of 1,000 fields in them."""
    return protobuf.ProtobufSchema(SCHEMA)


def reader(schema: protobuf.ProtobufSchema) -> Any:
    return schema.reader(schema.by_name("Row"))


def resident() -> int:
    """Bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_message_that_takes_too_much_memory_is_refused_before_it_is_parsed() -> None:
    bomb, good = b"\x0a\x00" * 100_000, b"\x2a\x01x"
    before = resident()
    context = FormatContext(SystemClock(), lambda _: None, True)  # type: ignore[arg-type, return-value]
    reads = decoder(Format("protobuf", schema=SCHEMA, message="Row"), context)
    found = await reads.decode([good, bomb, good])
    assert resident() - before < 2 * proto_memory.PARSE_BYTES_MAX, "it would take 800 MiB"
    assert list(found.refused) == [1]
    assert found.refused[1].startswith("The Protobuf message Row takes more than 64 MiB of memory")
    assert "send fewer of them in one message" in found.refused[1]
    assert found.messages[0] == found.messages[2]


@pytest.mark.parametrize(
    "part",
    [
        b"\x0a\x00",  # in a list
        b"\x12\x02\x12\x00",  # in a map, of one key
        b"\x1a\x02\x0a\x00",  # within a row
        b"\x23\x0a\x00\x24",  # in a group
        b"\x1a\x06\x1a\x04\x1a\x02\x0a\x00",
    ],
)
def test_messages_are_counted_wherever_they_are(
    schema: protobuf.ProtobufSchema, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proto_memory, "PARSE_BYTES_MAX", 1 << 20)
    read = reader(schema)
    read(b"\x2a\x04text" + part * 100)
    with pytest.raises(Undecodable, match="more than 1 MiB of memory"):
        read(b"\x2a\x04text" + part * 140)
    # As many bytes of text are none of its business.
    read(b"\x2a\x80\x89\x7a" + b"x" * 2_000_000)


@given(st.binary(max_size=40))
def test_no_bytes_break_it(schema: protobuf.ProtobufSchema, data: bytes) -> None:
    descriptor = schema.by_name("Row")
    memory = proto_memory.ParseMemory(descriptor)
    for each in (data, data + b"\x0a\x00" * 20_000):
        try:
            memory.check(each)
        except Undecodable:
            assert each is not data
        parse = schema.message_class(descriptor).FromString
        try:
            parse(data)
        except Exception:  # noqa: BLE001 - of the library: what it cannot read is its matter
            return


async def test_a_number_without_an_end_is_left_to_the_parser_at_once(
    schema: protobuf.ProtobufSchema,
) -> None:
    endless = b"\xff" * 1_000_000  # as one number it would take a minute
    with pytest.raises(Undecodable):
        reader(schema)(endless)
    before = time.process_time()
    proto_memory.ParseMemory(schema.by_name("Row")).check(endless)
    assert time.process_time() - before < 1.0
