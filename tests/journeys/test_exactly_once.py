"""Brokers' messages over kill -9 of every process: each one is in the stream exactly once."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.engine.seeds import first_seed
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.kafka import Kafka, kafka
from tests.services.nats import Nats, nats_server

__all__ = ["kafka", "nats_server"]

OWN_SERVER = "its processes are killed"

MESSAGES, KILLS = 100_000, 20
PART = 5  # of them in a run of every day
# Messages a second that are published while processes are killed.
RATE = 4_000
SECONDS_MAX = 120.0
POISON = 5_000  # of so many messages one is no JSON


class Publisher:
    """Publishes in a thread of its own; `done` counts what the broker has."""

    def __init__(self, publish: Callable[[Publisher], Coroutine[Any, Any, None]]) -> None:
        self.done = 0
        self.failure: BaseException | None = None
        self._publish = publish
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._publish(self))
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self.failure = error

    def wait(self) -> None:
        """Until all is published."""
        self.thread.join(SECONDS_MAX)
        assert not self.thread.is_alive()
        assert self.failure is None, self.failure


def payload(number: int) -> bytes:
    """A message; now and then one that is a dead letter."""
    return b"poison %d" % number if number % POISON == 0 else b'{"n":%d}' % number


def kills(server: Server, count: int, seed: int, *others: Callable[[], None]) -> None:
    """Kill something `count` times, at random moments."""
    chance = random.Random(seed)

    def connectors() -> None:
        for process in server.children("connectors.host"):
            process.kill()

    def engine() -> None:
        server.kill_engine()

    def whole() -> None:
        server.kill()
        server.start()

    for _ in range(count):
        time.sleep(chance.uniform(0.1, 0.8))
        chance.choice([connectors, connectors, engine, whole, *others])()
        wait_until(server.ready, 60, "a server that is back")


def check(server: Server, source: str, messages: int) -> None:
    """Each message once: the good ones in the stream, the others as dead letters."""
    bad = len(range(0, messages, POISON))
    good = messages - bad

    def arrived() -> bool:
        body = {"sql": "select count() from table(events)", "type": "historical"}
        answer = server.call("POST", "/exec", body)
        return answer.status_code == 200 and int(answer.json()["data"][0][0]) >= good

    wait_until(arrived, SECONDS_MAX, f"{good} rows")
    found = server.select("select count(), count_distinct(n), min(n), max(n) from table(events)")
    assert [int(value) for value in found[0]] == [good, good, 1, messages - 1]
    shown = server.call("GET", f"/sources/{source}").json()
    assert shown["guarantee"] == "exactly once"
    letters = server.select(f"select raw from table({shown['dead_letter_stream']})")
    assert sorted(row[0] for row in letters) == sorted(
        payload(number).decode() for number in range(0, messages, POISON)
    )


def create(server: Server, type_: str, properties: dict[str, Any]) -> str:
    """The stream and the source."""
    server.create("events", n="int64")
    body = {"name": type_, "type": type_, "stream": "events", "properties": properties}
    answer = server.call("POST", "/sources", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def paced(publisher: Publisher, number: int, began: float) -> None:
    """Hold the rate; called now and then."""
    publisher.done = number
    ahead = number / RATE - (time.monotonic() - began)
    if ahead > 0:
        await asyncio.sleep(ahead)


@pytest.mark.timeout(600)
def test_jetstream_over_kills(tmp_path: Path, nats_server: Nats, full: bool) -> None:
    messages, count = (MESSAGES, KILLS) if full else (MESSAGES // PART, KILLS // PART)

    async def publish(publisher: Publisher) -> None:
        import nats as client

        connection = await client.connect(nats_server.url)
        context = connection.jetstream(publish_async_max_pending=2_000)
        began = time.monotonic()
        for number in range(messages):
            await context.publish_async("exact.events", payload(number), wait_stall=30)
            if number % 200 == 0:
                await paced(publisher, number, began)
        await context.publish_async_completed()
        await connection.close()

    async def stream() -> None:
        import nats as client

        connection = await client.connect(nats_server.url)
        await connection.jetstream().add_stream(name="exact", subjects=["exact.>"])
        await connection.close()

    asyncio.run(stream())
    server = Server(tmp_path / "data").start()
    try:
        given = {"url": nats_server.url, "stream": "exact", "data_type": "json", "ack_wait": "2s"}
        source = create(server, "nats_jetstream", given)
        publisher = Publisher(publish)
        kills(server, count, first_seed())
        publisher.wait()
        check(server, source, messages)
    finally:
        server.stop()


@pytest.mark.timeout(600)
def test_kafka_over_kills_of_either_side(tmp_path: Path, kafka: Kafka, full: bool) -> None:
    messages, count = (MESSAGES, KILLS) if full else (MESSAGES // PART, KILLS // PART)
    topic = asyncio.run(kafka.new_topic(3))

    async def publish(publisher: Publisher) -> None:
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True,
            linger_ms=5, request_timeout_ms=60_000,
        )  # fmt: skip
        await producer.start()
        began = time.monotonic()
        waiting: list[Any] = []
        for number in range(messages):
            waiting.append(await producer.send(topic, payload(number), partition=number % 3))
            if number % 200 == 0:
                await paced(publisher, number, began)
        await producer.flush()
        for each in waiting:
            await each
        await producer.stop()

    def broker() -> None:
        kafka.kill()
        kafka.start()

    server = Server(tmp_path / "data").start()
    try:
        given = {
            "brokers": kafka.bootstrap, "topic": topic, "data_type": "json", "offset": "earliest",
            "tls.disable": True,
        }  # fmt: skip
        source = create(server, "kafka", given)
        publisher = Publisher(publish)
        kills(server, count, first_seed(), broker)
        publisher.wait()
        check(server, source, messages)
    finally:
        server.stop()
