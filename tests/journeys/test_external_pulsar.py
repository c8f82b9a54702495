"""External streams of type pulsar, on a real broker."""

from __future__ import annotations

import pulsar as client

from tests.journeys.external_calls import run
from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import wait_until
from tests.services.pulsar import Pulsar, pulsar

__all__ = ["pulsar"]

SECONDS_MAX = 20.0


def send(at: Pulsar, topic: str, *values: bytes) -> None:
    """Messages that the broker has on return."""
    logger = client.FileLogger(client.LoggerLevel.Error, "/dev/null")
    connection = client.Client(at.url, logger=logger)
    producer = connection.create_producer(topic)
    for value in values:
        producer.send(value, properties={"h": "v"}, partition_key="k")
    connection.close()


def test_messages_are_read_and_written(server: Server, pulsar: Pulsar) -> None:
    topic = pulsar.new_topic(2)
    at = f"type = 'pulsar', service_url = '{pulsar.url}', topic = '{topic}'"
    send(pulsar, topic, b'{"id": 1}')
    run(server, f"CREATE EXTERNAL STREAM ext (id int32) SETTINGS {at}")
    run(server, "CREATE MATERIALIZED VIEW v AS SELECT id FROM ext SETTINGS seek_to = 'earliest'")
    answer = Answer(server, "SELECT id, _tp_message_key, _tp_message_headers['h'] FROM ext")
    send(pulsar, topic, b'{"id": 2}', b'{"id": 3}')
    assert answer.rows(2) == [[2, "k", "v"], [3, "k", "v"]]
    run(server, "INSERT INTO ext (id) VALUES (4)")
    assert answer.rows(1) == [[4, None, ""]]
    keyed = "(8, 'a'), (9, 'b'), (10, 'a'), (11, 'b')"
    run(server, f"INSERT INTO ext (id, _tp_message_key) VALUES {keyed}")
    assert sorted(answer.rows(4)) == [[8, "a", ""], [9, "b", ""], [10, "a", ""], [11, "b", ""]]
    answer.close()
    shards = "SELECT _tp_message_key, group_array(id), uniq(_tp_shard) FROM table(ext)"
    by_key = server.select(f"{shards} WHERE id > 7 GROUP BY _tp_message_key ORDER BY 1")
    assert by_key == [["a", [8, 10], 1], ["b", [9, 11], 1]]
    found = server.select("SELECT id, _tp_sn FROM table(ext) WHERE id < 8 ORDER BY id")
    assert [row[0] for row in found] == [1, 2, 3, 4]
    assert [3] in server.select(f"SELECT id FROM table(ext) WHERE _tp_sn >= {found[2][1]}")
    assert server.select("SELECT count() FROM table(ext) WHERE _tp_time > now() - 1h") == [[8]]
    server.kill_engine()
    send(pulsar, topic, b'{"id": 5}')

    def rows() -> list[list[int]]:
        body = {"sql": "SELECT id FROM table(v) WHERE id < 8 ORDER BY id", "type": "historical"}
        answer = server.call("POST", "/exec", body)
        return answer.json()["data"] if answer.status_code == 200 else []

    wait_until(lambda: rows() == [[1], [2], [3], [4], [5]], SECONDS_MAX, "each message once")
