"""What tests of external streams do at a broker and at the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.journeys.server import Server
from tests.services.kafka import Kafka


def topic(kafka: Kafka, partitions: int = 1) -> str:
    """A new topic."""
    return asyncio.run(kafka.new_topic(partitions))


def send(kafka: Kafka, name: str, *values: bytes, **options: Any) -> None:
    """Records that the broker has on return."""
    asyncio.run(_send(kafka, name, values, options))


async def _send(kafka: Kafka, name: str, values: Iterable[bytes], options: dict[str, Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        for future in [await producer.send(name, value, **options) for value in values]:
            await future
    finally:
        await producer.stop()


def records(kafka: Kafka, name: str, count: int) -> list[Any]:
    """The first records of a topic's partition 0, as a consumer of one's own sees them."""
    return asyncio.run(_records(kafka, name, count))


async def _records(kafka: Kafka, name: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(name, 0)])
        async with asyncio.timeout(30):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


def run(server: Server, sql: str) -> httpx.Response:
    """A statement that must succeed."""
    answer = server.call("POST", "/queries/exec", {"sql": sql})
    assert answer.status_code == 200, answer.text
    return answer


def refusal(server: Server, sql: str) -> tuple[int, str]:
    """Code and message of a bounded query that must fail."""
    answer = server.call("POST", "/exec", {"sql": sql, "type": "historical"})
    assert answer.status_code == 400, answer.text
    return answer.json()["code"], answer.json()["message"]
