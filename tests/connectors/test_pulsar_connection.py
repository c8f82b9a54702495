"""Connections to Pulsar against a real broker: where readers begin, where a topic ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors import pulsar_connection
from connectors.pulsar_channels import Incoming, Message, Place
from connectors.pulsar_connection import Begin, Cluster, Connection
from engine.clock import SystemClock
from engine.errors import UserError
from tests.journeys.waiting import pace
from tests.services.pulsar import Pulsar, pulsar

__all__ = ["pulsar"]  # the fixture, for the tests here


@asynccontextmanager
async def connected(broker: Pulsar, topic: str) -> AsyncIterator[Connection]:
    """A connection."""
    cluster = Cluster(broker_url=broker.url, topic=topic)
    connection = await pulsar_connection.connect(cluster, SystemClock(), private=True)
    try:
        yield connection
    finally:
        await connection.close()


async def read(connection: Connection, begin: Begin, topic: str = "") -> list[bytes]:
    """All from a place on that is there now."""
    reader = await connection.reader(begin, topic)
    found: list[bytes] = []
    while await reader.has_more():
        found += [message.data or b"" for message in await reader.take(1_000, 5.0)]
    await reader.close()
    return found


async def test_readers_begin_at_the_ends_behind_a_message_or_at_an_instant(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    async with connected(pulsar, topic) as connection:
        assert await connection.partitions() == [topic]
        assert await connection.end() is None
        producer = await connection.producer()
        messages = [Message(b"%d" % number, {"n": str(number)}) for number in range(20)]
        assert await producer.send(messages[:10]) == ["Ok"] * 10
        assert await producer.send([]) == []
        await asyncio.sleep(0.05)
        between = int(time.time() * 1000)
        await asyncio.sleep(0.05)
        tail = await connection.reader("latest")
        assert await producer.send(messages[10:]) == ["Ok"] * 10
        assert await texts(tail, 10) == [b"%d" % number for number in range(10, 20)]
        every = [message.data for message in messages]
        assert await read(connection, "earliest") == every
        assert await read(connection, "latest") == []
        assert await read(connection, between) == every[10:]
        end = await connection.end()
        assert end is not None
        assert end.batch == 9
        assert await read(connection, end) == []
        assert await read(connection, Place(end.ledger, end.entry, 4)) == every[15:]
    last = (await pulsar.messages(topic))[-1]
    assert (last.data(), last.properties()) == (b"19", {"n": "19"})


async def texts(reader: Incoming, count: int) -> list[bytes]:
    """So many messages."""
    found: list[bytes] = []
    while len(found) < count:
        found += [message.data or b"" for message in await reader.take(3, 10.0)]
    return found


async def test_each_partition_has_its_own_end(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(2)
    async with connected(pulsar, topic) as connection:
        first, second = await connection.partitions()
        await (await connection.producer(second)).send([Message(b"x", {}), Message(b"y", {})])
        assert await connection.end(first) is None
        end = await connection.end(second)
        assert end is not None
        assert await read(connection, "earliest", second) == [b"x", b"y"]
        assert await read(connection, Place(end.ledger, end.entry, 0), second) == [b"y"]


async def test_a_reader_without_messages_says_so_and_one_that_cannot_be_mended_fails(
    pulsar: Pulsar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.pulsar_channels.LOOK_SECONDS", 0.05)
    topic = pulsar.new_topic(deduplicates=True)
    namespace = topic.removeprefix("persistent://").rpartition("/")[0]
    async with connected(pulsar, topic) as connection:
        reader = await connection.reader("latest")
        began = time.monotonic()
        assert await reader.take(10, 0.2) == []
        assert 0.2 <= time.monotonic() - began < 2 * pace()
        waiting = asyncio.create_task(reader.take(10, 60.0))
        await asyncio.sleep(0.1)
        closed = {"allowAutoTopicCreation": False}
        pulsar.admin("POST", f"namespaces/{namespace}/autoTopicCreation", closed)
        await asyncio.to_thread(pulsar.admin, "DELETE", f"{topic.replace('://', '/')}?force=true")
        with pytest.raises(UserError, match="connection to Pulsar was lost"):
            async with asyncio.timeout(20):
                await waiting


async def test_entries_end_by_count_and_size_always_alike(pulsar: Pulsar) -> None:
    topic = pulsar.new_topic()
    sizes = [10] * 1_001 + [70_000, 70_000, 200_000, 10]
    async with connected(pulsar, topic) as connection:
        producer = await connection.producer()
        results = await producer.send([Message(b"x" * size, {}) for size in sizes])
    assert set(results) == {"Ok"}
    found = await pulsar.messages(topic)
    assert [len(message.data()) for message in found] == sizes
    entries = [message.message_id().entry_id() for message in found]
    assert [entries.count(entry) for entry in range(5)] == [1_000, 2, 1, 1, 1]
