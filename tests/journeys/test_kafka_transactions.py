"""A transactional Kafka sink over kill -9 of every process: consumers see each row once."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from tests.engine.seeds import first_seed
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.kafka import Kafka, kafka

__all__ = ["kafka"]

OWN_SERVER = "its processes are killed"

KILLS = 20
PART = 7  # of them in a run of every day
ROWS = 400  # between two kills
SECONDS_MAX = 120.0


async def committed(kafka: Kafka, topic: str, count: int) -> list[int]:
    """All numbers that a consumer of committed records sees, once there are so many."""
    consumer = AIOKafkaConsumer(
        topic, auto_offset_reset="earliest", isolation_level="read_committed", **kafka.client()
    )
    found: list[int] = []
    async with consumer, asyncio.timeout(SECONDS_MAX):
        quiet = 0
        while len(found) < count or quiet < 3:
            polled = await consumer.getmany(timeout_ms=500)
            quiet = 0 if polled else quiet + 1
            for records in polled.values():
                found += [msgspec.json.decode(record.value or b"")["n"] for record in records]
    return found


@pytest.mark.timeout(600)
def test_each_row_is_seen_once_over_kills(tmp_path: Path, kafka: Kafka, full: bool) -> None:
    chance = random.Random(first_seed())
    topic = asyncio.run(kafka.new_topic(2))
    server = Server(tmp_path / "data").start()

    def connectors() -> None:
        for process in server.children("connectors.host"):
            process.kill()

    def whole() -> None:
        server.kill()
        server.start()

    def broker() -> None:
        kafka.kill()
        kafka.start()

    try:
        server.create("events", n="int64")
        properties: dict[str, Any] = {
            "brokers": kafka.bootstrap, "topic": topic, "transactional": True, "batch_count": 20,
            "tls": {"disable": True},
        }  # fmt: skip
        body = {
            "name": "out", "type": "kafka", "query": "select n from events",
            "properties": properties,
        }  # fmt: skip
        answer = server.call("POST", "/sinks", body)
        assert answer.status_code == 201, answer.text
        kills = KILLS if full else KILLS // PART
        for turn in range(kills):
            first = turn * ROWS
            server.ingest("events", ["n"], [[n] for n in range(first, first + ROWS)])
            time.sleep(chance.uniform(0.0, 1.2))
            ways = [connectors, connectors, server.kill_engine, whole, broker]
            chance.choice(ways)()
            wait_until(server.ready, 60, "a server that is back")
        found = asyncio.run(committed(kafka, topic, kills * ROWS))
        assert sorted(found) == list(range(kills * ROWS))
        path = f"/sinks/{answer.json()['id']}"
        wait_until(lambda: server.call("GET", path).json()["status"] == "running", 60, "running")
    finally:
        server.stop()
