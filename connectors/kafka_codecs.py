"""Unpacks compressed Kafka record batches up to a bound, which the client library does without."""

from __future__ import annotations

import gzip
import io
import mmap
import struct
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from engine.errors import UserError

# Kilobytes on the wire can be gigabytes; brokers take batches of 1 MB by default.
BATCH_BYTES_MAX: Final = 64 << 20
# What is larger is not copied out of the pages that it was unpacked into: no other thread runs
# while bytes are copied, for some 20 ms of 64 MiB.
COPIED_BYTES_MAX: Final = 256 << 10
_MODULES: Final = ("default_records", "legacy_records")
# What a stream of the Java library's Snappy begins with, before its blocks and their lengths: its
# name and twice the number of a version.
_XERIAL: Final = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)


class BatchTooLarge(UserError):
    """A batch becomes larger than BATCH_BYTES_MAX."""


def install() -> None:
    """Make the client library unpack with the functions of this module; again does nothing.

    A batch that becomes larger than BATCH_BYTES_MAX ends its poll with BatchTooLarge.
    """
    codec = import_module("aiokafka.codec")
    if not codec.has_lz4():  # nor the others
        given: dict[str, Callable[[Any], bytes]] = {"gzip_decode": _gzip}
    else:
        cramjam = import_module("cramjam")
        given = {
            "gzip_decode": _gzip,
            "snappy_decode": _snappy(
                cramjam.snappy.decompress_raw_len,
                cramjam.snappy.decompress_raw_into,
                codec.snappy_decode,
            ),
            "lz4_decode": _into(cramjam.lz4.decompress_into, cramjam.DecompressionError),
            "zstd_decode": _into(cramjam.zstd.decompress_into, cramjam.DecompressionError),
        }
    for name in _MODULES:
        for module in (f"aiokafka.record.{name}", f"aiokafka.record._crecords.{name}"):
            try:
                found = import_module(module)
            except ImportError:  # built without the compiled half
                continue
            for function, bounded in given.items():
                if hasattr(found, function):
                    setattr(found, function, bounded)


def _too_large() -> BatchTooLarge:
    return BatchTooLarge(
        f"A record batch becomes larger than {BATCH_BYTES_MAX >> 20} MiB when it is unpacked, "
        "which is not read.",
        400,
        "orbit",
    )


def _gzip(payload: Any) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(payload), mode="r") as file:
        found = file.read(BATCH_BYTES_MAX + 1)
    if len(found) > BATCH_BYTES_MAX:
        raise _too_large()
    return found


def _snappy(
    length: Callable[[Any], int],
    into: Callable[[Any, Any], int],
    decode: Callable[[Any], bytes],
) -> Callable[[Any], Any]:
    """Each block says how long it becomes. What is no such stream goes to the library's own
    function `decode`, which tells what is wrong."""

    def bounded(payload: Any) -> Any:
        data = memoryview(payload)
        blocks: list[tuple[memoryview, int]] = []
        size = 0
        for block in _blocks(data):
            blocks.append((block, length(block)))
            size += blocks[-1][1]
            if size > BATCH_BYTES_MAX:
                raise _too_large()
        if not size:
            return decode(payload)
        pages = mmap.mmap(-1, size)
        at = 0
        for block, becomes in blocks:
            if into(block, memoryview(pages)[at : at + becomes]) != becomes:
                return decode(payload)
            at += becomes
        return _found(pages, size)

    return bounded


def _blocks(data: memoryview) -> list[memoryview]:
    """The blocks of a stream of the Java library, else all of it; none of a broken stream."""
    if bytes(data[: len(_XERIAL)]) != _XERIAL:
        return [data]
    found: list[memoryview] = []
    at = len(_XERIAL)
    while at < len(data):
        if at + 4 > len(data):
            return []
        (block,) = struct.unpack_from("!i", data, at)
        at += 4
        if not 0 <= block <= len(data) - at:
            return []
        found.append(data[at : at + block])
        at += block
    return found


def _found(pages: mmap.mmap, size: int) -> Any:
    """What was unpacked into pages."""
    return memoryview(pages)[:size] if size > COPIED_BYTES_MAX else pages[:size]


def _into(decode: Callable[[Any, Any], int], error: type[Exception]) -> Callable[[Any], Any]:
    """Into pages that cost nothing until they are written to."""

    def bounded(payload: Any) -> Any:
        pages = mmap.mmap(-1, BATCH_BYTES_MAX)
        try:
            size = decode(payload, pages)
        except error as failure:
            if "whole buffer" in str(failure):
                raise _too_large() from None
            raise
        return _found(pages, size)

    return bounded
