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
_MODULES: Final = ("default_records", "legacy_records")
# What a stream of the Java library's Snappy begins with, before its blocks and their lengths.
_XERIAL: Final = b"\x82SNAPPY\0"
_XERIAL_HEADER_BYTES: Final = 16


def install() -> None:
    """Make the client library unpack with the functions of this module; again does nothing.

    A batch that becomes larger than BATCH_BYTES_MAX ends its poll with a UserError.
    """
    codec = import_module("aiokafka.codec")
    if not codec.has_lz4():  # nor the others
        given: dict[str, Callable[[Any], bytes]] = {"gzip_decode": _gzip}
    else:
        cramjam = import_module("cramjam")
        given = {
            "gzip_decode": _gzip,
            "snappy_decode": _snappy(cramjam.snappy.decompress_raw_len, codec.snappy_decode),
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


def _too_large() -> UserError:
    return UserError(
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


def _snappy(length: Callable[[Any], int], decode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Each block says how long it becomes."""

    def bounded(payload: Any) -> bytes:
        data = memoryview(payload)
        if bytes(data[: len(_XERIAL)]) != _XERIAL:
            size = length(data)
        else:
            size, at = 0, _XERIAL_HEADER_BYTES
            while at + 4 <= len(data) and size <= BATCH_BYTES_MAX:
                (block,) = struct.unpack_from("!i", data, at)
                if block < 0:
                    break  # the library tells what is wrong
                size += length(data[at + 4 : at + 4 + block])
                at += 4 + block
        if size > BATCH_BYTES_MAX:
            raise _too_large()
        return decode(payload)

    return bounded


def _into(decode: Callable[[Any, Any], int], error: type[Exception]) -> Callable[[Any], bytes]:
    """Into pages that cost nothing until they are written to."""

    def bounded(payload: Any) -> bytes:
        with mmap.mmap(-1, BATCH_BYTES_MAX) as pages:
            try:
                size = decode(payload, pages)
            except error as failure:
                if "whole buffer" in str(failure):
                    raise _too_large() from None
                raise
            return pages[:size]

    return bounded
