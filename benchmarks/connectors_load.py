"""Load for the connectors, each kind as a process of its own, and their client libraries alone."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

DEVICES = 20
# What is sent in one go: small enough that a rate is steady, large enough to cost little.
TICK_SECONDS = 0.005
RECORDS = 5_000


def row(number: int) -> dict[str, Any]:
    """One event; what each case sends."""
    return {"seq": number, "device": f"device_{number % DEVICES}", "value": number % 1000 / 10}


def messages(count: int, rows: int) -> list[bytes]:
    """So many messages, with several rows as an array of them."""
    if rows == 1:
        return [json.dumps(row(number), separators=(",", ":")).encode() for number in range(count)]
    made = ([row(number * rows + at) for at in range(rows)] for number in range(count))
    return [json.dumps(each, separators=(",", ":")).encode() for each in made]


async def ticks(count: int, rate: float) -> AsyncIterator[tuple[int, int]]:
    """First and end of what is due, until all are; all at once without a rate."""
    began, sent = time.monotonic(), 0
    while sent < count:
        due = count if rate <= 0 else int((time.monotonic() - began) * rate) + 1
        due = min(due, count, sent + RECORDS)
        if due > sent:
            yield sent, due
            sent = due
        if rate > 0:
            await asyncio.sleep(TICK_SECONDS)


async def nats(url: str, subject: str, count: int, rate: float, rows: int) -> None:
    """Publish by the protocol's own bytes: the load must not be what limits."""
    head = f"PUB {subject} ".encode()
    frames = [b"%b%d\r\n%b\r\n" % (head, len(m), m) for m in messages(count, rows)]
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    await reader.readline()
    writer.write(b'CONNECT {"verbose":false}\r\n')
    print("ready", flush=True)
    async for first, end in ticks(count, rate):
        writer.write(b"".join(frames[first:end]))
        await writer.drain()
    writer.write(b"PING\r\n")
    while b"PONG" not in await reader.readline():
        pass
    writer.close()


async def websocket(port: int, count: int, rate: float, rows: int) -> None:
    """A server that sends all messages to whoever connects, then waits until they leave."""
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.frames import Frame, Opcode

    frames = [Frame(Opcode.TEXT, m).serialize(mask=False) for m in messages(count, rows)]

    async def send(connection: ServerConnection) -> None:
        async for first, end in ticks(count, rate):
            connection.transport.write(b"".join(frames[first:end]))
            while connection.transport.get_write_buffer_size() > 1 << 20:  # noqa: ASYNC110
                await asyncio.sleep(TICK_SECONDS)
        await connection.wait_closed()

    async with serve(send, "127.0.0.1", port, compression=None):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


async def kafka(brokers: str, topic: str, count: int) -> None:
    """Fill a topic, its partitions in turn."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=brokers, max_batch_size=1 << 20)
    await producer.start()
    partitions = sorted(await producer.partitions_for(topic))
    sent: list[Any] = []
    for first in range(0, count, RECORDS):
        batch = producer.create_batch()
        for number in range(first, min(first + RECORDS, count)):
            value = json.dumps(row(number), separators=(",", ":")).encode()
            batch.append(key=None, value=value, timestamp=None)
        partition = partitions[first // RECORDS % len(partitions)]
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    for each in sent:
        await each
    await producer.stop()


async def kafka_alone(brokers: str, topic: str, count: int) -> None:
    """Take all records as the source does, and do nothing with them."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=brokers, auto_offset_reset="earliest", fetch_max_bytes=8 << 20
    )
    await consumer.start()
    began, taken = time.process_time(), 0
    while taken < count:
        polled = await consumer.getmany(timeout_ms=1_000, max_records=5_000)
        taken += sum(map(len, polled.values()))
    print(time.process_time() - began, flush=True)
    await consumer.stop()


async def nats_alone(url: str, subject: str, count: int) -> None:
    """Take all messages by a callback and do nothing with them."""
    import nats as client

    done = asyncio.Event()
    taken = 0
    began = 0.0

    async def take(_: Any) -> None:
        nonlocal taken, began
        began = began or time.process_time()
        taken += 1
        if taken == count:
            done.set()

    connection = await client.connect(url)
    await connection.subscribe(subject, cb=take, pending_bytes_limit=1 << 30)
    await connection.flush()
    print("ready", flush=True)
    await done.wait()
    print(time.process_time() - began, flush=True)
    await connection.close()


async def jetstream_alone(url: str, subject: str, count: int) -> None:
    """Fetch and acknowledge all messages and do nothing with them."""
    import nats as client

    connection = await client.connect(url)
    subscription = await connection.jetstream().pull_subscribe(subject, "alone")
    began, taken = time.process_time(), 0
    while taken < count:
        fetched = await subscription.fetch(1_000, 5)
        for message in fetched:
            await message.ack()
        taken += len(fetched)
    print(time.process_time() - began, flush=True)
    await connection.close()


async def websocket_alone(url: str, count: int) -> None:
    """Take all messages and do nothing with them."""
    from websockets.asyncio.client import connect

    async with connect(url, compression=None, max_queue=64) as connection:
        began = time.process_time()
        for _ in range(count):
            await connection.recv(decode=False)
        print(time.process_time() - began, flush=True)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


COMMANDS: dict[str, tuple[Callable[..., Coroutine[Any, Any, None]], tuple[type, ...]]] = {
    "nats": (nats, (str, str, int, float, int)),
    "websocket": (websocket, (int, int, float, int)),
    "kafka": (kafka, (str, str, int)),
    "kafka_alone": (kafka_alone, (str, str, int)),
    "nats_alone": (nats_alone, (str, str, int)),
    "jetstream_alone": (jetstream_alone, (str, str, int)),
    "websocket_alone": (websocket_alone, (str, int)),
}

if __name__ == "__main__":
    command, kinds = COMMANDS[sys.argv[1]]
    given = [kind(text) for kind, text in zip(kinds, sys.argv[2:], strict=True)]
    asyncio.run(command(*given))
