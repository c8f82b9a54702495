"""Sources nats and nats_jetstream against a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nats
import pytest
from live import Live
from nats.js.api import ConsumerConfig

from connectors import properties
from connectors.contract import SourceContext
from connectors.sources import nats as nats_source
from connectors.sources import nats_jetstream
from engine.clock import SystemClock
from engine.errors import EngineUnavailable, UserError
from tests.journeys.waiting import POLL_SECONDS, within
from tests.services.nats import Nats, find_binary, nats_server

__all__ = ["nats_server"]  # the fixture, for the tests here


async def test_messages_of_a_subject_with_a_wildcard(nats_server: Nats) -> None:
    given = {"url": nats_server.url, "subject": "core.*", "data_type": "json", "queue": "q"}
    async with Live("nats", given) as live:
        await live.connected()
        client = await nats.connect(nats_server.url)
        for number in range(500):
            await client.publish(f"core.{number % 3}", b'{"a":%d}' % number)
        await client.flush()
        await live.until(lambda: len(live.texts()) == 500, "all messages")
        await client.close()
        assert live.objects() == [{"a": number} for number in range(500)]


async def test_jetstream_acknowledges_what_is_durable_and_goes_on(nats_server: Nats) -> None:
    client = await nats.connect(nats_server.url)
    context = client.jetstream()
    await context.add_stream(name="JS", subjects=["js.>"])
    for number in range(300):
        await context.publish("js.x", b'{"a":%d}' % number)
    given: dict[str, Any] = {
        "url": [nats_server.url], "stream": "JS", "subject": "js.>", "data_type": "json"
    }  # fmt: skip
    async with Live("nats_jetstream", given) as live:
        await live.until(lambda: len(live.texts()) == 300, "what was there")
        await context.publish("js.x", b'{"a":300}')
        await live.until(lambda: len(live.texts()) == 301, "what came")
    async with Live("nats_jetstream", given) as again:
        await again.connected()
        await context.publish("js.x", b'{"a":301}')
        await again.until(lambda: len(again.texts()) >= 1, "the next life")
        assert again.objects() == [{"a": 301}]
    info = await context.consumer_info("JS", "tailrace-id1")
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
    await client.close()


async def test_jetstream_keeps_what_the_engine_did_not_take(nats_server: Nats) -> None:
    client = await nats.connect(nats_server.url)
    context = client.jetstream()
    await context.add_stream(name="KEEP", subjects=["keep"])
    given = {
        "url": nats_server.url, "stream": "KEEP", "subject": "keep", "data_type": "text",
        "durable": "d", "ack_wait": "1s",
    }  # fmt: skip
    await context.publish("keep", b"one")
    async with Live("nats_jetstream", given) as live:
        live.engine.refuse = lambda _body: EngineUnavailable("away")
        assert await live.refused() == "away"
        assert (await context.consumer_info("KEEP", "d")).num_ack_pending == 1
        live.engine.refuse = lambda _body: None
        await live.until(lambda: "one" in live.texts(), "the message")
    await client.close()


async def test_a_server_that_is_away_is_a_message(nats_server: Nats) -> None:
    given = {"url": "nats://127.0.0.1:1", "subject": "s", "data_type": "text"}
    async with Live("nats", given) as live:
        assert "cannot be reached" in await live.refused()
    wrong = {"url": nats_server.url, "subject": "s", "stream": "NONE", "data_type": "text"}
    async with Live("nats_jetstream", wrong) as live:
        assert "stream not found" in await live.refused()


async def test_a_subject_without_the_right_to_it_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(
        'authorization { users = [{user: u, password: p, permissions: {subscribe: "ok.>"}}] }'
    )
    server = Nats(find_binary() or "", "-c", str(tmp_path / "conf")).start()
    try:
        given = {"url": server.url, "subject": "secret.x", "data_type": "text"}
        async with Live("nats", {**given, "username": "u", "password": "p"}) as live:
            assert "permissions violation" in (await live.refused()).lower()
    finally:
        server.close()


async def test_what_the_client_holds_is_bounded_and_told_when_it_is_lost() -> None:
    server = Nats(find_binary() or "").start()
    lost: list[int] = []
    context = SourceContext(
        "id1", SystemClock(), asyncio.sleep, ("a",), True, {}, (), lambda n, _: lost.append(n)
    )
    config = properties.parse(
        nats_source.Config, {"url": server.url, "subject": "big", "data_type": "text"}
    )
    source = nats_source.NatsSource(config, context)
    try:
        await source.connect()
        client = await nats.connect(server.url)
        for _ in range(40):
            await client.publish("big", bytes(1 << 20))
            await client.flush()
        await client.close()
        batches = source.batches()
        first = await anext(batches)
        async with asyncio.timeout(10):
            while source._connection.stats["in_msgs"] < 40:  # type: ignore[union-attr]
                await asyncio.sleep(0.01)
        server.kill()
        await asyncio.sleep(0.5)  # a slow reader: meanwhile the connection ends
        taken = len(first.messages)
        with pytest.raises(UserError, match="connection to NATS was lost"):
            async with within(5):
                async for batch in batches:
                    taken += len(batch.messages)
        await source.close()
        assert taken <= 24, "what waits beside the client's own queue is bounded by bytes"
        assert taken + sum(lost) == 40
    finally:
        await source.close()
        server.close()


async def test_a_stream_made_anew_under_back_pressure_loses_nothing(nats_server: Nats) -> None:
    client = await nats.connect(nats_server.url)
    context = client.jetstream()

    wanted = ConsumerConfig(durable_name="d", ack_wait=1, max_ack_pending=100_000)

    async def make(word: bytes) -> None:
        await context.add_stream(name="ANEW", subjects=["anew"])
        await context.add_consumer("ANEW", wanted)
        for _ in range(6):
            await asyncio.gather(*(context.publish("anew", word) for _ in range(500)))

    given = {"url": nats_server.url, "stream": "ANEW", "durable": "d", "data_type": "text"}
    config = properties.parse(nats_jetstream.Config, given)
    stored: list[bytes] = []
    saved: dict[str, bytes] = {}
    ended: list[tuple[nats_jetstream.JetStreamSource, object]] = []
    await make(b"old")
    for life in range(3):
        seen = SourceContext("id1", SystemClock(), asyncio.sleep, ("a",), True, dict(saved))
        source = nats_jetstream.JetStreamSource(config, seen)
        await source.connect()
        batches = source.batches()
        try:
            async with within(4):
                while stored.count(b"new") < 3_000:
                    batch = await anext(batches)
                    stored += batch.messages
                    saved |= batch.saved
                    ended.append((source, batch.token))
                    if stored.count(b"new") < 3_000:
                        await source.acknowledge([batch.token])
                    if life == 0 and len(ended) == 2:
                        await asyncio.sleep(0.5)  # more waits in the client
                        await context.delete_stream("ANEW")
                        await make(b"new")
        except (UserError, TimeoutError):
            pass
        await source.close()
    assert stored.count(b"new") == 3_000
    await client.close()
    source, token = ended[-1]
    with pytest.raises(UserError, match="connection to NATS was lost"):
        await source.acknowledge([token])


async def test_messages_of_a_deleted_stream_are_not_acknowledged_to_its_successor(
    nats_server: Nats,
) -> None:
    """An acknowledgement names a number; the stream made anew has messages of the same numbers."""
    client = await nats.connect(nats_server.url)
    context = client.jetstream()
    wanted = ConsumerConfig(durable_name="d", ack_wait=1, max_ack_pending=100_000)

    async def make() -> None:
        await context.add_stream(name="NEXT", subjects=["next"])
        await context.add_consumer("NEXT", wanted)

    async def publish(word: bytes, count: int) -> None:
        await asyncio.gather(*(context.publish("next", word) for _ in range(count)))

    given = {"url": nats_server.url, "stream": "NEXT", "durable": "d", "data_type": "text"}
    config = properties.parse(nats_jetstream.Config, given)
    seen = SourceContext("id1", SystemClock(), asyncio.sleep, ("a",), True, {})
    await make()
    await publish(b"old", 100)
    first, second = (nats_jetstream.JetStreamSource(config, seen) for _ in range(2))
    await first.connect()
    batches = first.batches()
    old = 0
    while old < 100:
        batch = await anext(batches)
        old += len(batch.messages)
        await first.acknowledge([batch.token])
    await publish(b"old", 900)  # what is left of a request
    await publish(b"old", 1_000)  # with it the client has its most, and asks for no more
    async with within(5):
        while (await context.consumer_info("NEXT", "d")).num_ack_pending < 1_900:
            await asyncio.sleep(POLL_SECONDS)
    await context.delete_stream("NEXT")
    await make()
    await publish(b"new", 900)
    with pytest.raises(UserError, match="made anew"):
        while True:
            batch = await anext(batches)
            assert set(batch.messages) == {b"old"}
            await first.acknowledge([batch.token])
    await first.close()
    await second.connect()
    new: list[bytes] = []
    async with within(5):
        async for batch in second.batches():
            new += batch.messages
            if len(new) >= 900:
                break
    await second.close()
    await client.close()
    assert new == [b"new"] * 900


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "nats://u:secret@host"}, "password"),
        ({"url": "http://host"}, "nats://"),
        ({"url": []}, "1 to 16"),
        ({"subject": "", "stream": ""}, "subject"),
        ({"ack_wait": "soon"}, "ack_wait"),
        ({"durable": "d", "deliver": "last"}, "durable"),
        ({"bind": True}, "bind"),
        ({"subject": "a b"}, "subject"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], word: str) -> None:
    given = {"url": "nats://host", "subject": "s", "data_type": "json", **change}
    with pytest.raises(UserError, match=word) as caught:
        properties.parse(nats_jetstream.Config, given)
    assert "secret@" not in caught.value.message


def test_the_contracts_defaults() -> None:
    given = {"url": "host:4222", "subject": "s", "data_type": "json", "tls.disable": True}
    core = properties.parse(nats_source.Config, given)
    assert core.urls() == ["nats://host:4222"]
    assert (core.prefetch_count, core.tls.disable) == (524_288, True)
    stream = properties.parse(nats_jetstream.Config, given)
    assert (stream.ack_wait, stream.max_ack_pending, stream.deliver) == ("30s", 1024, "all")
    assert properties.secret_names(nats_source.Config) == {"password", "token"}
