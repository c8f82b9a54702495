"""Compressed Kafka record batches: what they become, and how much a small one may become."""

from __future__ import annotations

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from connectors import kafka_codecs
from engine.errors import UserError

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODECS = pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])


def batch(codec: int, value: bytes) -> bytes:
    """As a producer sends it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 30)
    builder.append(0, timestamp=1, key=None, value=value, headers=[])
    return bytes(builder.build())


def unpacked(data: bytes) -> list[bytes]:
    kafka_codecs.install()
    records = MemoryRecords(data)
    found: list[bytes] = []
    while records.has_next():
        found += [record.value or b"" for record in records.next_batch() or ()]
    return found


@CODECS
def test_batches_are_unpacked(codec: int) -> None:
    value = bytes(range(256)) * 1_000
    assert unpacked(batch(codec, value) * 2) == [value, value]


@CODECS
def test_a_batch_that_becomes_too_large_is_refused(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_codecs, "BATCH_BYTES_MAX", 1 << 20)
    assert len(unpacked(batch(codec, b"\0" * 1_000_000))[0]) == 1_000_000
    with pytest.raises(UserError, match="larger than 1 MiB when it is unpacked"):
        unpacked(batch(codec, b"\0" * (2 << 20)))


@CODECS
def test_what_is_no_such_data_is_no_matter_of_size(codec: int) -> None:
    data = bytearray(batch(codec, b"x" * 1_000))
    data[70:75] = b"\xff" * 5
    with pytest.raises(Exception) as caught:
        unpacked(bytes(data))
    assert not isinstance(caught.value, UserError)
