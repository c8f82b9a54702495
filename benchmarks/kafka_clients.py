"""Processor time of Kafka clients: how much a million records cost to write and to read.

    python -m benchmarks.kafka_clients [--messages 1000000]

Each measurement is a process of its own against a real broker of tests/services (`make services`),
whose time is not counted; that of the client's threads is. The ways to write and read are those of
the Kafka sink and source: record batches with a header for each record, and polls of 5,000 records.
confluent-kafka is measured when it is installed; Tailrace does not need it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import Any

VALUE = b'{"device":"d%05d","number":%d.5,"time":"2026-01-31 12:00:00.250","location":"hall %d"}'
HEADER = ("X-Event-Id", b"0b2f9d7e-0000-4000-8000-000000000003-1a2b3c4d-1042-17")
POLL = 5_000
BATCH_BYTES = 1_000_000
FETCH_BYTES = 8 << 20
CLIENTS = ("aiokafka", "confluent_kafka")


def values(count: int) -> list[bytes]:
    """The records' values; made before the clock starts."""
    return [VALUE % (n % 10_000, n % 97, n % 7) for n in range(count)]


async def produce_aiokafka(brokers: str, topic: str, given: list[bytes]) -> None:
    """As the sink does."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(
        bootstrap_servers=brokers, acks="all", enable_idempotence=True,
        max_batch_size=BATCH_BYTES, max_request_size=BATCH_BYTES,
    )  # fmt: skip
    headers = [HEADER]
    async with producer:
        builder = producer.create_batch()
        for value in given:
            if builder.append(key=None, value=value, timestamp=None, headers=headers) is None:
                await (await producer.send_batch(builder, topic, partition=0))
                builder = producer.create_batch()
                builder.append(key=None, value=value, timestamp=None, headers=headers)
        await (await producer.send_batch(builder, topic, partition=0))


async def consume_aiokafka(brokers: str, topic: str, count: int) -> None:
    """As the source does."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=brokers, auto_offset_reset="earliest", group_id=None,
        fetch_max_bytes=FETCH_BYTES,
    )  # fmt: skip
    async with consumer:
        found = 0
        while found < count:
            polled = await consumer.getmany(timeout_ms=1_000, max_records=POLL)
            for records in polled.values():
                found += len([record.value or b"" for record in records])


def produce_confluent(brokers: str, topic: str, given: list[bytes]) -> None:
    """As a sink would: idempotent, acknowledged by all, the same sizes of batches."""
    from confluent_kafka import Producer

    producer: Any = Producer(
        {
            "bootstrap.servers": brokers, "enable.idempotence": True, "acks": "all",
            "batch.size": BATCH_BYTES, "linger.ms": 5, "queue.buffering.max.messages": 200_000,
        }
    )  # fmt: skip
    headers = [HEADER]
    for value in given:
        while True:
            try:
                producer.produce(topic, value, partition=0, headers=headers)
                break
            except BufferError:
                producer.poll(0.01)
    assert producer.flush(60) == 0


def consume_confluent(brokers: str, topic: str, count: int) -> None:
    """As a source would."""
    from confluent_kafka import Consumer

    consumer: Any = Consumer(
        {
            "bootstrap.servers": brokers, "group.id": f"bench-{os.getpid()}",
            "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "fetch.max.bytes": FETCH_BYTES, "queued.max.messages.kbytes": 16 << 10,
        }
    )  # fmt: skip
    consumer.subscribe([topic])
    found = 0
    while found < count:
        messages = consumer.consume(POLL, 1.0)
        found += len([(each.value(), each.offset()) for each in messages])
    consumer.close()


def child(client: str, what: str, brokers: str, topic: str, count: int) -> None:
    """One measurement, as JSON on stdout."""
    given = values(count) if what == "produce" else []
    began, used = time.perf_counter(), time.process_time()
    if client == "aiokafka" and what == "produce":
        asyncio.run(produce_aiokafka(brokers, topic, given))
    elif client == "aiokafka":
        asyncio.run(consume_aiokafka(brokers, topic, count))
    elif what == "produce":
        produce_confluent(brokers, topic, given)
    else:
        consume_confluent(brokers, topic, count)
    result = {"cpu": time.process_time() - used, "wall": time.perf_counter() - began}
    print(json.dumps(result))


def measure(client: str, what: str, brokers: str, topic: str, count: int) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.kafka_clients", "--child"]
    command += [client, what, brokers, topic, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise SystemExit(done.stderr[-2_000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure all, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--child", nargs=5)
    options = parser.parse_args()
    if options.child:
        client, what, brokers, topic, count = options.child
        child(client, what, brokers, topic, int(count))
        return
    from tests.services.kafka import start_kafka

    broker = start_kafka()
    try:
        print(f"{options.messages:,} records; seconds of processor time for a million of them")
        for client in CLIENTS:
            if find_spec(client) is None:
                print(f"{client}: not installed")
                continue
            topic = asyncio.run(broker.new_topic())
            for what in ("produce", "consume"):
                found = measure(client, what, broker.bootstrap, topic, options.messages)
                cpu = found["cpu"] * 1_000_000 / options.messages
                rate = options.messages / found["wall"]
                print(f"{client:16} {what:8} {cpu:6.2f} s   {rate:10,.0f} records/s", flush=True)
    finally:
        broker.close()


if __name__ == "__main__":
    main()
