"""Messages of Pulsar over kill -9 of every process: each is stored once, and sent on once."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import msgspec
import pulsar as library
import pytest
from pulsar import asyncio as client_library

from tests.engine.seeds import first_seed
from tests.journeys.server import Server
from tests.journeys.test_exactly_once import (
    KILLS,
    MESSAGES,
    PART,
    POISON,
    SECONDS_MAX,
    Publisher,
    check,
    create,
    kills,
    paced,
    payload,
)
from tests.journeys.waiting import wait_until
from tests.services.pulsar import Pulsar, pulsar

__all__ = ["pulsar"]  # the fixture, for the test here

OWN_SERVER = "its processes are killed"

TOGETHER = 200  # messages that are published at a time


@pytest.mark.turns(2)
@pytest.mark.timeout(600)
def test_pulsar_over_kills_of_either_side(tmp_path: Path, pulsar: Pulsar, full: bool) -> None:
    messages, count = (MESSAGES, KILLS) if full else (MESSAGES // PART, KILLS // PART)
    topic, target = (pulsar.new_topic(3, deduplicates=True) for _ in range(2))

    async def publish(publisher: Publisher) -> None:
        quiet = library.FileLogger(library.LoggerLevel.Error, os.devnull)
        client = client_library.Client(
            pulsar.url, logger=quiet, operation_timeout_seconds=int(SECONDS_MAX)
        )
        # Without a timeout it sends again until it is stored; the broker drops what it has.
        producer = await client.create_producer(
            topic, producer_name="publisher", send_timeout_millis=0
        )
        began = time.monotonic()
        for first in range(0, messages, TOGETHER):
            together = range(first, min(first + TOGETHER, messages))
            # Numbers of our own: after a reconnect the client begins to count anew.
            await asyncio.gather(
                *[producer.send(payload(number), sequence_id=number) for number in together]
            )
            await paced(publisher, first, began)
        await client.close()

    def broker() -> None:
        pulsar.kill()
        pulsar.start()

    server = Server(tmp_path / "data").start()
    try:
        given = {"broker_url": pulsar.url, "topic": topic, "data_type": "json"}
        source = create(server, "pulsar", given)
        _sink(server, {"broker_url": pulsar.url, "topic": target})
        publisher = Publisher(publish)
        kills(server, count, first_seed(), broker)
        publisher.wait()
        check(server, source, messages)
        good = [number for number in range(messages) if number % POISON]
        wait_until(lambda: _entered(pulsar, target) >= len(good), SECONDS_MAX, "all rows")
        found = asyncio.run(pulsar.messages(target))
        assert sorted(msgspec.json.decode(each.data())["n"] for each in found) == good
        assert len({each.properties()["X-Event-Id"] for each in found}) == len(good)
    finally:
        server.stop()


def _sink(server: Server, given: dict[str, str]) -> None:
    """It sends on what the source stores."""
    body = {"name": "on", "type": "pulsar", "query": "select n from events", "properties": given}
    answer = server.call("POST", "/sinks", body)
    assert answer.status_code == 201, answer.text


def _entered(broker: Pulsar, topic: str) -> int:
    """Messages that a topic has, as producers give them."""
    return len(asyncio.run(broker.messages(topic)))
