"""External streams while processes on all sides are killed and the broker removes records."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterable

import httpx
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.journeys.external_calls import records, run, send, topic
from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
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


async def _remove(kafka: Kafka, name: str, before: int) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(name, 0): RecordsToDelete(before)})
    finally:
        await admin.close()


def _removed_unread(
    server: Server, kafka: Kafka, of: str, numbers: Iterable[int], before: int
) -> None:
    """Records come while nobody reads, and some are removed; then it is read again."""
    (readers,) = server.children("connectors.host")
    readers.suspend()
    send(kafka, of, *(b'{"i": %d}' % i for i in numbers))
    asyncio.run(_remove(kafka, of, before))
    readers.kill()


def test_queries_fail_whose_next_records_were_removed(server: Server, kafka: Kafka) -> None:
    of, to = topic(kafka), topic(kafka)
    place = f"type = 'kafka', brokers = '{kafka.bootstrap}', topic = '{of}'"
    run(server, f"CREATE EXTERNAL STREAM cut (i int32) SETTINGS {place}")
    run(server, "CREATE MATERIALIZED VIEW from_first AS SELECT i FROM cut")
    run(server, "CREATE MATERIALIZED VIEW from_last AS SELECT i FROM cut")
    made = server.call("POST", "/sinks", {
        "name": "copies", "type": "kafka", "query": "SELECT i FROM cut",
        "properties": {"brokers": kafka.bootstrap, "topic": to, "tls": {"disable": True}},
    })  # fmt: skip
    assert made.status_code == 201, made.text
    sink = f"/sinks/{made.json()['id']}"
    answer = Answer(server, "SELECT i FROM cut")
    kept = Answer(server, "SUBSCRIBE TO SELECT i FROM cut")
    send(kafka, of, b'{"i": 0}')
    assert (answer.rows(1), kept.rows(1)) == ([[0]], [[0]])
    for view in ("from_first", "from_last"):
        wait_until(lambda view=view: _selected(server, f"SELECT i FROM table({view})") == [[0]],
                   SECONDS_MAX, "the first row")  # fmt: skip
    records(kafka, to, 1)
    _removed_unread(server, kafka, of, range(1, 6), before=4)
    said = f"cut goes on with message 1 of partition 0 of the topic {of}, whose earliest is 4"
    for reader in (answer, kept):
        rows, last = reader.rest()
        assert (rows, last["status"], last["code"]) == ([], "failed", 2003)
        assert said in last["message"] and "Run the query anew" in last["message"]

    def state(view: str) -> tuple[str, str]:
        found = server.call("GET", f"/materialized_views/{view}").json()
        return found["status"], found["last_error_message"]

    for view, seek in (("from_first", "earliest"), ("from_last", "latest")):
        wait_until(lambda view=view: state(view)[0] == "Error", SECONDS_MAX, "its failure")
        assert said in state(view)[1] and f"RECOVER MATERIALIZED VIEW {view}" in state(view)[1]
        run(server, f"SYSTEM RECOVER MATERIALIZED VIEW {view} SETTINGS seek_to = '{seek}'")
    wait_until(
        lambda: said in server.call("GET", sink).json()["message"],
        SECONDS_MAX,
        "the sink's failure",
    )
    assert server.call("GET", sink).json()["status"] == "error"
    assert server.call("POST", f"{sink}/start").status_code == 204
    assert [r.value for r in records(kafka, to, 3)] == [b'{"i":0}', b'{"i":4}', b'{"i":5}']
    first = "SELECT i FROM table(from_first) ORDER BY i"
    wait_until(lambda: _selected(server, first) == [[0], [4], [5]], SECONDS_MAX, "what is there")
    assert state("from_first") == ("ExecutingPipeline", "")
    send(kafka, of, b'{"i": 6}')
    last = "SELECT i FROM table(from_last) ORDER BY i"
    wait_until(lambda: _selected(server, last) == [[0], [6]], SECONDS_MAX, "what came")
    # A leave to skip counts once.
    _removed_unread(server, kafka, of, (7, 8), before=8)
    wait_until(lambda: state("from_first")[0] == "Error", SECONDS_MAX, "its next failure")
