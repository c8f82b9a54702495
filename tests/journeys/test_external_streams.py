"""External streams on a real Kafka: read as they come and whole, written, shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.journeys.external_calls import records, refusal, run, send, topic
from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import wait_until
from tests.services.kafka import Kafka, kafka

__all__ = ["kafka"]

PAGE = Path(__file__).parents[2] / "docs/external-streams.md"
SECONDS_MAX = 20.0


def create(server: Server, kafka: Kafka, name: str, columns: str, of: str, more: str = "") -> None:
    run(
        server,
        f"CREATE EXTERNAL STREAM {name} ({columns}) SETTINGS type = 'kafka', "
        f"brokers = '{kafka.bootstrap}', topic = '{of}'{more}",
    )


def until(server: Server, sql: str, expected: Any) -> None:
    """A bounded query gives this soon."""
    wait_until(lambda: server.select(sql) == expected, SECONDS_MAX, sql)


def test_a_query_gets_messages_that_come_after_its_start(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    send(kafka, of, b'{"id": 1, "text": "before"}')
    create(server, kafka, "ext", "id int32, text string DEFAULT 'none'", of)
    answer = Answer(server, "SELECT *, _tp_message_key, _tp_sn, _tp_shard FROM ext")
    send(kafka, of, b'[{"id": 2}, {"id": 3, "text": "b"}]', key=b"k", headers=[("h", b"v")])
    assert answer.rows(2) == [[2, "none", "k", 1, 0], [3, "b", "k", 1, 0]]
    answer.close()
    rewound = Answer(server, "SELECT id, text FROM ext SETTINGS seek_to = 'earliest'")
    assert rewound.rows(3) == [[1, "before"], [2, "none"], [3, "b"]]
    rewound.close()
    found = "SELECT id, _tp_message_headers['h'] FROM table(ext) WHERE _tp_sn >= 1"
    assert server.select(found) == [[2, "v"], [3, "v"]]
    assert server.select("SELECT count() FROM table(ext) WHERE _tp_time > now() - 1h") == [[3]]
    assert server.select("SELECT count() FROM table(ext) WHERE _tp_time > now() + 1h") == [[0]]
    assert server.select("SELECT id FROM table(ext) SETTINGS seek_to = '1'") == [[2], [3]]


def test_what_cannot_be_read_is_told(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    create(server, kafka, "whole", "raw string", of)
    create(server, kafka, "cells", "i int32, s string", of, ", data_format = 'CSV'")
    create(server, kafka, "nothing", "raw string", "there-is-none")
    send(kafka, of, b'1,"a, b"', b"\xff")
    assert server.select("SELECT * FROM table(whole)") == [['1,"a, b"']]
    assert server.select("SELECT * FROM table(cells)") == [[1, "a, b"]]
    run(server, "CREATE MATERIALIZED VIEW kept AS SELECT i FROM cells SETTINGS seek_to='earliest'")
    until(server, "SELECT i FROM table(kept)", [[1]])
    names = [each["name"] for each in server.call("GET", "/streams").json()]
    (letters,) = [name for name in names if name.startswith("_dlq_cells")]
    until(
        server,
        f"SELECT raw, encoding, origin FROM table({letters})",
        [["/w==", "base64", f"{of}/0@1"]],
    )
    code, message = refusal(server, "SELECT * FROM table(nothing)")
    assert (code, "there-is-none of nothing does not exist" in message) == (210, True)
    run(
        server,
        "CREATE EXTERNAL STREAM away (raw string) SETTINGS type = 'kafka', "
        "brokers = '127.0.0.1:1', topic = 't'",
    )
    answer = Answer(server, "SELECT * FROM away")
    path = f"/queries/{answer.id}"
    wait_until(
        lambda: "cannot be reached" in server.call("GET", path).json()["message"],
        SECONDS_MAX,
        "the reason",
    )
    assert server.call("GET", path).json()["status"] == "running"
    answer.close()


def test_insert_is_answered_when_the_broker_has_the_rows(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    create(server, kafka, "out", "i int32, s string DEFAULT 'none'", of)
    run(server, "INSERT INTO out (i, s, _tp_message_key) VALUES (1, 'a', 'k') (2, 'b', 'k')")
    run(server, "INSERT INTO out (i) SELECT i + 10 FROM table(out) SETTINGS idempotent_id = 'x'")
    found = records(kafka, of, 4)
    values = [record.value for record in found]
    assert values[:3] == [b'{"i":1,"s":"a"}', b'{"i":2,"s":"b"}', b'{"i":11,"s":"none"}']
    assert [record.key for record in found] == [b"k", b"k", None, None]
    ids = [dict(record.headers)["X-Event-Id"] for record in found]
    assert (len(set(ids)), ids[2:]) == (4, [b"x-0", b"x-1"])
    stats = server.call("GET", "/external_streams/out/stats").json()
    assert stats["written_eps"] > 0 and stats["read_eps"] > 0


def test_a_view_writes_into_an_external_stream(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    create(server, kafka, "target", "i int32, s string", of)
    server.create("src", i="int32", s="string")
    run(server, "CREATE MATERIALIZED VIEW mv INTO target AS SELECT i, upper(s) AS s FROM src")
    server.ingest("src", ["i", "s"], [[1, "a"], [2, "b"]])
    assert [r.value for r in records(kafka, of, 2)] == [b'{"i":1,"s":"A"}', b'{"i":2,"s":"B"}']
    assert server.select("SELECT s FROM table(mv)") == [["A"], ["B"]]
    code, message = refusal(server, "SELECT i FROM table(mv) WHERE nothing = 1")
    assert code == 47, message
    answer = server.call("DELETE", "/external_streams/target")
    assert (answer.status_code, answer.json()["code"]) == (400, 630)
    assert server.call("DELETE", "/materialized_views/mv").status_code == 204
    assert server.call("DELETE", "/external_streams/target").status_code == 204


def test_windows_and_joins_read_external_streams(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    create(server, kafka, "clicks", "user string, n int32", of)
    run(
        server,
        "CREATE STREAM users (user string, city string) PRIMARY KEY user "
        "SETTINGS mode = 'versioned_kv'",
    )
    server.ingest("users", ["user", "city"], [["u", "Oslo"]])
    joined = Answer(
        server, "SELECT c.n, u.city FROM clicks AS c JOIN users AS u ON c.user = u.user"
    )
    windows = Answer(
        server,
        "SELECT sum(n) FROM tumble(clicks, 1s) GROUP BY window_start SETTINGS seek_to = 'earliest'",
    )
    send(kafka, of, b'{"user": "u", "n": 1}', timestamp_ms=1_700_000_000_100)
    send(kafka, of, b'{"user": "u", "n": 2}', timestamp_ms=1_700_000_000_200)
    send(kafka, of, b'{"user": "u", "n": 4}', timestamp_ms=1_700_000_005_000)
    assert windows.rows(1) == [[3]]
    assert joined.rows(3) == [[1, "Oslo"], [2, "Oslo"], [4, "Oslo"]]
    for answer in (joined, windows):
        answer.close()


def test_preview_shows_messages_of_one_that_is_not_made(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    send(kafka, of, b'{"i": 1}')
    settings = {
        "type": "kafka",
        "brokers": kafka.bootstrap,
        "topic": of,
        "data_format": "JSONEachRow",
    }
    body = {
        "settings": [{"key": k, "value": v} for k, v in settings.items()],
        "offset": "earliest",
        "timeout": 20,
    }
    answer = server.call("POST", "/external_streams/preview", body)
    assert (answer.status_code, answer.json()) == (200, [{"i": 1}])


def test_the_examples_of_the_page_work(server: Server, kafka: Kafka) -> None:
    of = topic(kafka)
    server.create("prices", id="int32", item="string", price="float64")
    text = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```sql\n(.*?)^```$", text, re.M | re.S):
        sql = block.replace("127.0.0.1:9092", kafka.bootstrap)
        sql = sql.replace("topic = 'orders'", f"topic = '{of}'").strip()
        if sql.startswith("SELECT id"):
            answer = Answer(server, sql)
            send(kafka, of, b'{"id": 7, "item": "cake", "price": 12}')
            assert answer.rows(1) == [[7, "cake"]]
            answer.close()
        elif sql.startswith("SELECT"):
            assert server.select(sql) == [[1, 12.0]]
        else:
            run(server, sql)
    server.ingest("prices", ["id", "item", "price"], [[1, "tea", 3.0], [2, "wine", 9.0]])
    values = [record.value for record in records(kafka, of, 3)]
    assert values[1:] == [
        b'{"id":1,"item":"tea","price":3.5}',
        b'{"id":1,"item":"tea","price":3.0}',
    ]
