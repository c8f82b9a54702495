"""Connections are tested and values proposed over REST, on real NATS, Kafka and HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
from aiokafka.admin import AIOKafkaAdminClient

from tests.journeys.receiver import Receiver
from tests.journeys.server import Server
from tests.services.kafka import Kafka, kafka
from tests.services.nats import Nats, nats_server

__all__ = ["kafka", "nats_server"]

CONNECTED = [("address", True), ("connection", True)]


def checked(server: Server, path: str, **body: Any) -> tuple[list[tuple[str, bool]], str]:
    """The steps that were done, and what the last one says."""
    answer = server.call("POST", f"/{path}/check", body)
    assert answer.status_code == 200, answer.text
    steps = answer.json()["steps"]
    assert answer.json()["ok"] is all(step["ok"] for step in steps)
    assert all(0 <= step["millis"] < 20_000 for step in steps)
    return [(step["name"], step["ok"]) for step in steps], steps[-1]["message"]


def proposed(server: Server, path: str, **body: Any) -> list[str]:
    """The values."""
    answer = server.call("POST", f"/{path}/suggest", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["values"]


def test_kafka_is_tested_before_there_is_a_source(server: Server, kafka: Kafka) -> None:
    topic = asyncio.run(kafka.new_topic(2))
    before = asyncio.run(_groups(kafka))
    given = {
        "brokers": kafka.bootstrap, "topic": topic, "data_type": "json", "offset": "earliest",
        "tls": {"disable": True}, "group": "nobody-yet",
    }  # fmt: skip
    steps, message = checked(server, "sources", type="kafka", properties=given)
    assert steps == [
        *CONNECTED,
        ("sign-in", True),
        ("topic", True),
        ("group", True),
        ("read", True),
    ]
    steps, message = checked(server, "sinks", type="kafka", properties=given)
    assert steps == [*CONNECTED, ("sign-in", True), ("topic", True)]
    assert message == "2 partitions; writing is not tried."
    missing = {**given, "topic": "not.there"}
    steps, message = checked(server, "sources", type="kafka", properties=missing)
    assert (steps[-1], "has no topic 'not.there'" in message) == (("topic", False), True)
    assert "not.there" not in proposed(
        server, "sources", type="kafka", property="topic", properties=given
    ), "a test makes no topic"
    part = {"brokers": given["brokers"], "tls": given["tls"]}
    for path in ("sources", "sinks"):
        asked = {"type": "kafka", "property": "topic", "properties": part}
        found = proposed(server, path, **asked, prefix=topic[:-1])
        assert topic in found, "others of the broker's are of other tests"
        assert all(one.startswith(topic[:-1]) for one in found)
    assert asyncio.run(_groups(kafka)) == before, "a test makes no group"
    signed = {**given, "brokers": kafka.sasl, "sasl": "plain", "username": kafka.USER}
    steps, message = checked(
        server, "sources", type="kafka", properties={**signed, "password": "s3cret-8842"}
    )
    assert steps == [*CONNECTED, ("sign-in", False)]
    assert "refuses the user name or the password" in message
    assert "s3cret" not in message
    server.create("kafka_in", raw="string")
    made = server.call(
        "POST",
        "/sources",
        {
            "name": "k", "type": "kafka", "stream": "kafka_in",
            "properties": {**signed, "password": kafka.PASSWORD},
        },
    ).json()  # fmt: skip
    assert made["properties"]["password"] == "******"
    stored = {"id": made["id"], "properties": made["properties"]}
    steps, message = checked(server, "sources", **stored)
    assert steps[-1] == ("read", True), (message, "the stored password is used")
    names = proposed(server, "sources", **stored, property="topic", prefix=topic)
    assert names == [topic]
    moved = {**made["properties"], "brokers": "127.0.0.1:1"}
    refused = server.call("POST", "/sources/check", {"id": made["id"], "properties": moved})
    assert (refused.status_code, "new address" in refused.text) == (400, True)
    assert server.call("DELETE", f"/sources/{made['id']}").status_code == 204


async def _groups(kafka: Kafka) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        return {name for name, _ in await admin.list_consumer_groups()}
    finally:
        await admin.close()


def test_jetstream_is_tested_and_proposes_its_streams(server: Server, nats_server: Nats) -> None:
    asyncio.run(_stream(nats_server.url))
    given = {"url": nats_server.url, "data_type": "json"}
    assert proposed(
        server, "sources", type="nats_jetstream", property="stream", properties=given, prefix="tri"
    ) == ["TRIED"]
    given["stream"] = "TRIED"
    steps, _ = checked(server, "sources", type="nats_jetstream", properties=given)
    assert steps == [*CONNECTED, ("sign-in", True), ("stream", True), ("consumer", True)]
    away = {**given, "url": "nats://127.0.0.1:1"}
    steps, message = checked(server, "sources", type="nats_jetstream", properties=away)
    assert steps == [("address", True), ("connection", False)]
    assert message == "127.0.0.1:1 cannot be reached: Connection refused."
    cloud = {**given, "url": "nats://169.254.169.254"}
    steps, message = checked(server, "sources", type="nats_jetstream", properties=cloud)
    assert (steps, "metadata service" in message) == ([("address", False)], True)


async def _stream(url: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="TRIED", subjects=["tried.>"])
    await client.close()


def test_sinks_are_tested_with_their_query_and_send_no_row(server: Server) -> None:
    server.create("measured", place="string", value="int64")
    query = "select place, value from measured"
    with Receiver() as receiver:
        given = {"url": receiver.url + "/hook", "payload_field": "{{ .place }}"}
        body = {"type": "http", "properties": given, "query": query}
        steps, message = checked(server, "sinks", **body)
        assert steps == [*CONNECTED, ("answer", True)], message
        assert "a row is not tried" in message
        assert receiver.requests == []
        for change in ({"query": "select value from measured"}, {"query": "select"}):
            assert server.call("POST", "/sinks/check", {**body, **change}).status_code == 400
    into = {"type": "timeplus", "properties": {"stream_name": "measured"}}
    assert checked(server, "sinks", **into, query=query)[0] == [("stream", True)]
    steps, message = checked(server, "sinks", **into, query="select value as other from measured")
    assert (steps, "no column 'other'" in message) == ([("stream", False)], True)
    assert "measured" in proposed(server, "sinks", type="timeplus", property="stream_name")
    there = {"stream_name": "measured", "url": server.url, "api_key": server.key}
    steps, message = checked(server, "sinks", type="timeplus", properties=there, query=query)
    assert (steps, message) == ([*CONNECTED, ("stream", True)], "An append is not tried.")
    other = "select value as other from measured"
    steps, message = checked(server, "sinks", type="timeplus", properties=there, query=other)
    assert (steps[-1], "no column 'other'" in message) == (("stream", False), True)
    gone = {**there, "stream_name": "gone"}
    steps, message = checked(server, "sinks", type="timeplus", properties=gone)
    assert (steps[-1], "no such stream" in message) == (("stream", False), True)
    wrong = {**there, "api_key": "s3cret-8842"}
    steps, message = checked(server, "sinks", type="timeplus", properties=wrong)
    assert (steps[-1], "s3cret" in message) == (("stream", False), False)
    assert "measured" in proposed(
        server, "sinks", type="timeplus", property="stream_name", properties=there
    )
