"""Views over and into an external stream while processes on all sides are killed."""

from __future__ import annotations

import asyncio
import random
import threading

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from tests.journeys.external_calls import records, run, topic
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.kafka import Kafka, kafka

__all__ = ["kafka"]

OWN_SERVER = "its processes are killed"
# Messages of one turn, sent while something is killed.
MESSAGES = 400
SECONDS_MAX = 60.0


async def _send(kafka: Kafka, name: str, first: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        for i in range(first, first + MESSAGES):
            await producer.send(name, b'{"i": %d}' % i, partition=i % 2)
            if i % 20 == 0:
                await asyncio.sleep(0.1)
        await producer.flush()
    finally:
        await producer.stop()


def _kill(server: Server, what: str) -> None:
    if what == "engine":
        server.kill_engine()
    elif what == "connectors":
        for process in server.children("connectors.host"):
            process.kill()
    else:
        server.kill()
        server.start()


def _count(server: Server) -> int:
    rows = _selected(server, "SELECT count() FROM table(seen)")
    return rows[0][0] if rows else 0


def _selected(server: Server, sql: str) -> list[list[int]]:
    """Rows, or none while the engine is away."""
    try:
        answer = server.call("POST", "/exec", {"sql": sql, "type": "historical"})
    except httpx.HTTPError:
        return []
    return answer.json()["data"] if answer.status_code == 200 else []


def test_each_message_is_in_the_view_once(
    server: Server, kafka: Kafka, request: pytest.FixtureRequest
) -> None:
    turns = 20 if request.config.getoption("--full") else 3
    of, to = topic(kafka, 2), topic(kafka)
    place = f"type = 'kafka', brokers = '{kafka.bootstrap}', topic"
    run(server, f"CREATE EXTERNAL STREAM ext (i int32) SETTINGS {place} = '{of}'")
    run(server, f"CREATE EXTERNAL STREAM out (i int32) SETTINGS {place} = '{to}'")
    run(server, "CREATE MATERIALIZED VIEW seen AS SELECT i, _tp_shard AS p, _tp_sn AS n FROM ext")
    run(server, "CREATE MATERIALIZED VIEW sums AS SELECT count() AS c, sum(i) AS s FROM ext")
    run(server, "CREATE MATERIALIZED VIEW sent INTO out AS SELECT i FROM ext")
    chosen = random.Random(7)
    kinds = ["engine", "connectors", "all"]
    for turn in range(turns):
        sending = threading.Thread(target=asyncio.run, args=(_send(kafka, of, turn * MESSAGES),))
        sending.start()
        # Some of these are in the view, others are on their way.
        wait_until(lambda before=turn * MESSAGES: _count(server) > before, SECONDS_MAX, "rows")
        _kill(server, kinds[turn] if turn < len(kinds) else chosen.choice(kinds))
        sending.join()
    count = turns * MESSAGES
    sql = "SELECT count(), count_distinct(i), count_distinct((p, n)) FROM table(seen)"
    wait_until(lambda: _selected(server, sql) == [[count] * 3], SECONDS_MAX, "each message once")
    total = [[count, count * (count - 1) // 2]]
    sql = "SELECT max(c), max(s) FROM table(sums)"
    wait_until(lambda: _selected(server, sql) == total, SECONDS_MAX, "the sums of all")
    sql = "SELECT count_distinct(i) FROM table(out)"
    wait_until(lambda: _selected(server, sql) == [[count]], SECONDS_MAX, "all were sent on")
    ids = {dict(each.headers)["X-Event-Id"]: each.value for each in records(kafka, to, count)}
    assert len(set(ids.values())) == len(ids)  # what was sent again has the id that it had
