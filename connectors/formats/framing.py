"""The bytes before the data of a message that name its schema, as Confluent's serializers do."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from connectors.formats.contract import Undecodable

HEADER_BYTES: Final = 5
# Levels of messages inside each other that a Protobuf message may name.
INDEXES_MAX: Final = 32
_VARINT_BYTES_MAX: Final = 5


def schema_id(message: bytes) -> int:
    """The id that a message begins with; -1 for one that has none."""
    if len(message) < HEADER_BYTES or message[0] != 0:
        return -1
    return struct.unpack_from(">I", message, 1)[0]


def header(id_: int) -> bytes:
    """What stands before the data."""
    return b"\0" + struct.pack(">I", id_)


def indexes(message: bytes) -> tuple[tuple[int, ...], int]:
    """Which message of its file a Protobuf message is, and where its data begins. Undecodable."""
    count, at = _varint(message, HEADER_BYTES)
    if count == 0:  # short for the first
        return (0,), at
    if not 0 < count <= INDEXES_MAX:
        raise Undecodable("it does not name its Protobuf message")
    found: list[int] = []
    for _ in range(count):
        index, at = _varint(message, at)
        if index < 0:
            raise Undecodable("it does not name its Protobuf message")
        found.append(index)
    return tuple(found), at


def written(indexes_: Sequence[int]) -> bytes:
    """What `indexes` reads."""
    if list(indexes_) == [0]:
        return b"\0"
    return b"".join(_zigzag(each) for each in (len(indexes_), *indexes_))


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(_VARINT_BYTES_MAX):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
    raise Undecodable("it does not name its Protobuf message")


def _zigzag(number: int) -> bytes:
    value = number << 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
