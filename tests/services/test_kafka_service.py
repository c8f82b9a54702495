"""The starter of Kafka: a real broker keeps messages and positions, and asks who one is."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError

from tests.services.kafka import LISTENERS, MECHANISMS, Kafka, kafka

__all__ = ["kafka"]  # the fixture, for the tests here

PROTOCOLS = [
    ("PLAINTEXT", "PLAIN"),
    ("SSL", "PLAIN"),
    *(("SASL_PLAINTEXT", mechanism) for mechanism in MECHANISMS),
    ("SASL_SSL", "SCRAM-SHA-512"),
]


async def read(broker: Kafka, topic: str, count: int) -> list[bytes | None]:
    """That many messages as the group `readers`, whose position moves behind them."""
    consumer = AIOKafkaConsumer(
        topic, group_id="readers", auto_offset_reset="earliest", enable_auto_commit=False,
        max_poll_records=count, **broker.client(),
    )  # fmt: skip
    async with asyncio.timeout(60), consumer:
        found = [await consumer.getone() for _ in range(count)]
        await consumer.commit()
        return [message.value for message in found]


async def test_messages_and_the_position_of_a_group_survive_kill_9(kafka: Kafka) -> None:
    topic = await kafka.new_topic()
    async with AIOKafkaProducer(acks="all", **kafka.client()) as producer:
        for number in range(5):
            await producer.send_and_wait(topic, b"m%d" % number)
    assert await read(kafka, topic, 2) == [b"m0", b"m1"]
    address = kafka.bootstrap
    kafka.kill()
    assert not kafka.child.runs
    await asyncio.to_thread(kafka.start)
    assert kafka.bootstrap == address
    assert await read(kafka, topic, 3) == [b"m2", b"m3", b"m4"]


@pytest.mark.parametrize(("protocol", "mechanism"), PROTOCOLS)
async def test_every_listener_takes_its_clients(
    kafka: Kafka, protocol: str, mechanism: str
) -> None:
    async with AIOKafkaProducer(**kafka.client(protocol, mechanism)) as producer:
        brokers = producer.client.cluster.brokers()
    addresses = {f"{broker.host}:{broker.port}" for broker in brokers}
    name = next(n for n, p in LISTENERS.items() if p == protocol and n != "CONTROLLER")
    assert addresses == {f"127.0.0.1:{kafka.port(name)}"}


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password_is_refused(kafka: Kafka, mechanism: str) -> None:
    given = kafka.client("SASL_PLAINTEXT", mechanism)
    given["sasl_plain_password"] = "wrong"
    producer = AIOKafkaProducer(**given)
    with pytest.raises((AuthenticationFailedError, KafkaConnectionError)):
        await producer.start()
    await producer.stop()


async def test_a_client_that_does_not_know_the_authority_does_not_connect(kafka: Kafka) -> None:
    given = kafka.client("SSL")
    given["ssl_context"] = ssl.create_default_context()
    producer = AIOKafkaProducer(**given)
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()
