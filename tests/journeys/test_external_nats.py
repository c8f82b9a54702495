"""External streams of type nats_jetstream, on a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import nats

from tests.journeys.external_calls import refusal, run
from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import wait_until
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]

SECONDS_MAX = 20.0


def publish(at: Nats, subject: str, *payloads: bytes, stream: str = "") -> None:
    """Messages that the stream has on return, which is made if it is named."""

    async def publishing() -> None:
        connection: Any = await nats.connect(at.url)
        context = connection.jetstream()
        if stream:
            await context.add_stream(name=stream, subjects=[f"{stream}.>"])
        for payload in payloads:
            await context.publish(subject, payload, headers={"h": "v"})
        await connection.close()

    asyncio.run(publishing())


def test_messages_are_read_and_published(server: Server, nats_server: Nats) -> None:
    at = f"type = 'nats_jetstream', url = '{nats_server.url}', subject"
    publish(nats_server, "ext.old", b'{"id": 1, "text": "before"}', stream="ext")
    run(server, f"CREATE EXTERNAL STREAM ext (id int32, text string) SETTINGS {at} = 'ext.>'")
    run(server, f"CREATE EXTERNAL STREAM out (id int32, text string) SETTINGS {at} = 'ext.made'")
    answer = Answer(server, "SELECT *, _tp_message_key, _tp_sn FROM ext")
    publish(nats_server, "ext.new", b'{"id": 2, "text": "after"}')
    run(server, "INSERT INTO out (id, text) VALUES (3, 'ours')")
    expected = [[2, "after", "ext.new", 2], [3, "ours", "ext.made", 3]]
    assert answer.rows(2) == expected
    answer.close()
    assert server.select("SELECT id, _tp_message_headers['h'] FROM table(ext)")[:2] == [
        [1, "v"],
        [2, "v"],
    ]
    assert server.select("SELECT id FROM table(ext) WHERE _tp_sn >= 2") == [[2], [3]]
    assert server.select("SELECT count() FROM table(ext) WHERE _tp_time > now() - 1h") == [[3]]
    assert server.select("SELECT count() FROM table(ext) WHERE _tp_time > now() + 1h") == [[0]]
    assert server.select("SELECT id FROM table(out)") == [[3]]


def test_a_view_goes_on_after_the_server_was_killed(server: Server, nats_server: Nats) -> None:
    publish(nats_server, "kept.a", b'{"i": 1}', stream="kept")
    at = f"type = 'nats_jetstream', url = '{nats_server.url}', subject = 'kept.>'"
    run(server, f"CREATE EXTERNAL STREAM kept (i int32) SETTINGS {at}")
    run(server, "CREATE MATERIALIZED VIEW v AS SELECT i FROM kept SETTINGS seek_to = 'earliest'")
    rows = "SELECT i FROM table(v) ORDER BY i"
    wait_until(lambda: server.select(rows) == [[1]], SECONDS_MAX, "the first message")
    nats_server.kill()
    path = "/materialized_views/v"
    wait_until(
        lambda: "cannot be reached" in server.call("GET", path).json()["last_error_message"],
        SECONDS_MAX,
        "the reason",
    )
    nats_server.start()
    publish(nats_server, "kept.a", b'{"i": 2}')
    wait_until(lambda: server.select(rows) == [[1], [2]], SECONDS_MAX, "the second message")
    away = at.replace("kept", "none")
    run(server, f"CREATE EXTERNAL STREAM no (i int32) SETTINGS {away}")
    code, message = refusal(server, "SELECT * FROM table(no)")
    assert (code, "JetStream has no subject none.>" in message) == (210, True)


def test_a_view_fails_whose_next_messages_were_removed(server: Server, nats_server: Nats) -> None:
    publish(nats_server, "cut.a", b'{"i": 0}', stream="cut")
    at = f"type = 'nats_jetstream', url = '{nats_server.url}', subject = 'cut.>'"
    run(server, f"CREATE EXTERNAL STREAM cut (i int32) SETTINGS {at}")
    run(server, "CREATE MATERIALIZED VIEW rest AS SELECT i FROM cut SETTINGS seek_to = 'earliest'")
    found = "SELECT i FROM table(rest) ORDER BY i"
    wait_until(lambda: server.select(found) == [[0]], SECONDS_MAX, "the first row")
    run(server, "SYSTEM PAUSE MATERIALIZED VIEW rest")
    publish(nats_server, "cut.a", b'{"i": 1}', b'{"i": 2}')

    async def remove() -> None:
        connection: Any = await nats.connect(nats_server.url)
        await connection.jetstream().purge_stream("cut", keep=1)
        await connection.close()

    asyncio.run(remove())
    run(server, "SYSTEM RESUME MATERIALIZED VIEW rest")
    path = "/materialized_views/rest"
    wait_until(
        lambda: server.call("GET", path).json()["status"] == "Error", SECONDS_MAX, "its failure"
    )
    why = server.call("GET", path).json()["last_error_message"]
    assert "cut goes on with message 2 of the JetStream stream cut, whose earliest is 3" in why
    run(server, "SYSTEM RECOVER MATERIALIZED VIEW rest SETTINGS seek_to = 'earliest'")
    wait_until(lambda: server.select(found) == [[0], [2]], SECONDS_MAX, "what is there")
