"""Polls of a Kafka consumer: unpacked outside of the loop, so many bytes at a time, all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.record.memory_records import MemoryRecords

from connectors import kafka_codecs, kafka_unpacking, properties
from connectors.kafka_cluster import Cluster
from connectors.kafka_reading import Polling
from engine.clock import SystemClock
from engine.errors import UserError
from tests.services.kafka import Kafka, kafka

__all__ = ["kafka"]

SIZE = 50_000


@asynccontextmanager
async def consumer_of(kafka: Kafka, topic: str) -> AsyncGenerator[tuple[Any, Polling]]:
    """One that reads a topic from its beginning, and what polls it."""
    kafka_codecs.install()
    given = {"brokers": kafka.bootstrap, "tls": {"disable": True}}
    consumer = AIOKafkaConsumer(
        topic, group_id=None, auto_offset_reset="earliest", **kafka.client()
    )
    async with consumer, asyncio.timeout(20):
        yield consumer, Polling(properties.parse(Cluster, given), consumer, SystemClock())


async def send(kafka: Kafka, topic: str, count: int, partitions: int = 1) -> None:
    """Values that begin with their number, many in a batch of some kilobytes."""
    async with AIOKafkaProducer(
        acks="all", compression_type="gzip", linger_ms=50, max_batch_size=1 << 20, **kafka.client()
    ) as producer:
        sent = [
            await producer.send(topic, b"%05d" % n + bytes(SIZE), partition=n % partitions)
            for n in range(count)
        ]
        await asyncio.gather(*sent)


async def test_polls_are_bounded_and_unpacked_in_a_thread(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await kafka.new_topic(partitions=2)
    await send(kafka, topic, 60, 2)
    monkeypatch.setattr(kafka_unpacking, "POLL_BYTES_MAX", 5 * SIZE)
    threads: set[int] = set()
    size = kafka_unpacking._size  # pyright: ignore[reportPrivateUsage]

    def watched(record: Any) -> int:
        threads.add(threading.get_ident())
        return size(record)

    monkeypatch.setattr(kafka_unpacking, "_size", watched)
    found: dict[int, list[int]] = {0: [], 1: []}
    async with consumer_of(kafka, topic) as (consumer, polling):
        while sum(map(len, found.values())) < 60:
            polled = await polling.poll()
            records = [record for each in polled.values() for record in each]
            assert sum(len(record.value) for record in records) <= 6 * (SIZE + 5)
            answers = consumer._fetcher._records.values()
            begun = [a for a in answers if getattr(a._partition_records, "begun", False)]
            assert len(begun) <= 1, "one unpacked batch is held, however many partitions"
            for record in records:
                found[record.partition].append(int(record.value[:5]))
        for partition, values in found.items():
            assert values == list(range(partition, 60, 2))
            place = TopicPartition(topic, partition)
            assert await consumer.position(place) == 30
    assert threads
    assert threading.get_ident() not in threads


async def test_a_batch_that_becomes_too_large_is_named_behind_those_before_it(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await kafka.new_topic()
    await send(kafka, topic, 1)
    await send(kafka, topic, 40)
    async with consumer_of(kafka, topic) as (_, polling):
        monkeypatch.setattr(kafka_codecs, "BATCH_BYTES_MAX", 10 * SIZE)
        polled = await polling.poll()
        while not polled:
            polled = await polling.poll()
        assert [record.offset for each in polled.values() for record in each] == [0]
        with pytest.raises(UserError) as caught:
            while True:
                assert not await polling.poll()
    message = caught.value.message
    assert f"the topic {topic}, partition 0, from offset 1 on, becomes larger" in message
    assert "Delete the records up to its end" in message


def test_large_batches_are_not_copied_while_other_threads_wait() -> None:
    """Whatever they are compressed with, and as the Java library writes Snappy too."""
    from aiokafka.codec import snappy_encode
    from aiokafka.record.default_records import DefaultRecordBatchBuilder

    kafka_codecs.install()
    value = bytes(range(256)) * 4_000
    for codec in (1, 2, 3, 4):
        builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 30)
        builder.append(0, timestamp=1, key=None, value=value, headers=[])
        batch = MemoryRecords(bytes(builder.build())).next_batch()
        assert batch is not None
        assert [record.value for record in batch] == [value]
    from aiokafka.record import default_records

    unpack: Any = default_records.snappy_decode
    assert bytes(unpack(snappy_encode(value, xerial_compatible=True))) == value
    assert isinstance(unpack(snappy_encode(value, xerial_compatible=True)), memoryview)
    with pytest.raises(Exception, match=r"."):
        unpack(snappy_encode(value, xerial_compatible=True)[:-3])
