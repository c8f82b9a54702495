"""The frame: length, CRC-32, position and a body; how to write one and how to find the next."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MAGIC = b"TRF1"
COMMIT = 1
FOOTER = 2
ALIGN = 8
BODY_BYTES_MAX = (1 << 32) - 1

_HEADER = struct.Struct("<4sIIIQ")  # magic, kind, body length, crc, position
_CHECKED = struct.Struct("<IIQ")
HEADER_BYTES = _HEADER.size
_RESYNC_BYTES = 1 << 20  # looked through at once


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame at `offset`; `end` is where the next one begins."""

    offset: int
    end: int
    kind: int
    position: int
    body: memoryview


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no frame. `tail`: no whole frame follows in this file."""

    offset: int
    end: int
    tail: bool


def padding(length: int) -> int:
    """Zero bytes that follow `length` bytes, so that frames and payloads lie aligned."""
    return -length % ALIGN


def encode(kind: int, position: int, body: bytes, salt: int) -> bytes:
    """One frame. The salt of its segment goes into the checksum, so that bytes which a user
    stored can never pass for a frame."""
    if len(body) > BODY_BYTES_MAX:
        raise ValueError("a frame body is limited to 4 GiB")
    crc = _checksum(kind, len(body), position, body, salt)
    header = _HEADER.pack(MAGIC, kind, len(body), crc, position)
    return b"".join((header, body, bytes(padding(len(body)))))


def _checksum(kind: int, length: int, position: int, body: bytes | memoryview, salt: int) -> int:
    crc = zlib.crc32(_CHECKED.pack(kind, length, position), salt)
    return zlib.crc32(body, crc)


def decode(data: memoryview, offset: int, salt: int) -> Frame | None:
    """The frame at an offset, or None if what lies there is not one whole, unharmed frame."""
    if offset + HEADER_BYTES > len(data):
        return None
    magic, kind, length, crc, position = _HEADER.unpack_from(data, offset)
    start = offset + HEADER_BYTES
    if magic != MAGIC or start + length > len(data):
        return None
    body = data[start : start + length]
    if _checksum(kind, length, position, body, salt) != crc:
        return None
    end = start + length + padding(length)
    return Frame(offset, min(end, len(data)), kind, position, body)


def scan(data: memoryview, offset: int, salt: int) -> Iterator[Frame | Gap]:
    """Frames from an aligned offset to the end; what is no frame comes as a Gap, zeros at the end
    as nothing."""
    while offset < len(data):
        frame = decode(data, offset, salt)
        if frame is None:
            if _zeros(data[offset:]):
                return
            following = _resync(data, offset + ALIGN, salt)
            yield Gap(offset, following if following >= 0 else len(data), following < 0)
            if following < 0:
                return
            offset = following
            continue
        yield frame
        offset = frame.end


def _zeros(data: memoryview) -> bool:
    return not np.frombuffer(data, np.uint8).any()


def _resync(data: memoryview, offset: int, salt: int) -> int:
    """Offset of the next whole frame, or -1. Frames begin at multiples of ALIGN."""
    mark = int.from_bytes(MAGIC, "little")
    while offset < len(data):
        usable = min(_RESYNC_BYTES, (len(data) - offset) // ALIGN * ALIGN)
        if usable == 0:
            return -1
        words = np.frombuffer(data[offset : offset + usable], "<u4")
        for hit in np.flatnonzero(words[:: ALIGN // 4] == mark):
            candidate = offset + int(hit) * ALIGN
            if decode(data, candidate, salt) is not None:
                return candidate
        offset += usable
    return -1
