"""How a JetStream source uses its consumer, on a real server; and what TLS it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from live import Live
from nats.js.api import ConsumerConfig

from connectors import control, nats_pull
from connectors.preview import preview
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.clock import SystemClock
from engine.errors import EngineUnavailable
from tests.services.certificates import make_certificates
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]  # the fixture, for the tests here


def properties(server: Nats, **more: Any) -> dict[str, Any]:
    return {"url": server.url, "data_type": "json", **more}


async def _no_engine(_workspace: str) -> WorkspaceEngine:
    raise EngineUnavailable("none")


async def filled(server: Nats, stream: str, *payloads: bytes) -> Any:
    """A stream with the subject of its name in small letters, and messages in it; its client."""
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name=stream, subjects=[stream.lower()])
    for payload in payloads:
        await client.jetstream().publish(stream.lower(), payload)
    return client


async def test_changed_properties_count_for_a_consumer_that_is_there(nats_server: Nats) -> None:
    client = await filled(nats_server, "CHANGED", b'{"a":1}')
    async with Live("nats_jetstream", properties(nats_server, subject="changed")) as live:
        await live.until(lambda: len(live.texts()) == 1, "the message")
    changed = properties(nats_server, stream="CHANGED", ack_wait="7s", max_ack_pending=9)
    async with Live("nats_jetstream", {**changed, "deliver": "last"}) as live:
        await live.connected()
    found = (await client.jetstream().consumer_info("CHANGED", "tailrace-id1")).config
    assert (found.ack_wait, found.max_ack_pending, found.filter_subject) == (7.0, 9, None)
    await client.close()


async def test_bind_uses_a_consumer_and_makes_none(nats_server: Nats) -> None:
    client = await filled(nats_server, "BOUND", b'{"a":1}', b'{"a":2}')
    given = properties(nats_server, subject="bound", durable="theirs", bind=True)
    async with Live("nats_jetstream", given) as live:
        assert "consumer not found" in await live.refused()
    theirs = ConsumerConfig(durable_name="theirs", max_ack_pending=1, ack_wait=5)
    await client.jetstream().add_consumer("BOUND", theirs)
    async with Live("nats_jetstream", given) as live:
        await live.until(lambda: len(live.texts()) == 2, "both, one after the other")
    found = (await client.jetstream().consumer_info("BOUND", "theirs")).config
    assert (found.max_ack_pending, found.ack_wait) == (1, 5.0)
    await client.close()


async def test_deliver_last_begins_with_the_last_message(nats_server: Nats) -> None:
    client = await filled(nats_server, "LAST", b'{"a":1}', b'{"a":2}')
    given = properties(nats_server, subject="last", deliver="last")
    async with Live("nats_jetstream", given) as live:
        await live.until(lambda: bool(live.texts()), "a message")
        assert live.texts() == ['{"a":2}']
    await client.close()


@pytest.mark.parametrize("kind", ["nats", "nats_jetstream"])
async def test_a_preview_takes_nothing_from_others(nats_server: Nats, kind: str) -> None:
    client = await filled(nats_server, f"SEEN_{kind}")
    subject = f"seen_{kind}"
    taken: list[bytes] = []

    async def take(message: Any) -> None:
        taken.append(message.data)

    await client.subscribe(subject, queue="q", cb=take)
    given = properties(nats_server, subject=subject, queue="q")
    around = Surroundings(_no_engine, SystemClock(), private=True)
    looking = asyncio.create_task(preview(control.Preview(kind, given, 20, 2_000), around))
    while not looking.done():
        await client.publish(subject, b'{"a":1}')
        await asyncio.sleep(0.02)
    assert await looking == [{"a": 1}] * 20
    await client.flush()
    infos = await client.jetstream().consumers_info(f"SEEN_{kind}")
    assert [info.config.durable_name for info in infos] == [None] * (kind != "nats")
    state = (await client.jetstream().stream_info(f"SEEN_{kind}")).state
    assert len(taken) == state.messages
    await client.close()


async def test_a_queue_shares_the_messages(nats_server: Nats) -> None:
    client = await filled(nats_server, "SHARED")
    given = properties(nats_server, subject="shared", queue="q")
    async with Live("nats_jetstream", given) as one, Live("nats_jetstream", given) as two:
        await one.connected()
        await two.connected()
        for number in range(4_000):
            await client.publish("shared", b'{"a":%d}' % number)
        await one.until(lambda: len(one.texts()) + len(two.texts()) == 4_000, "all, once")
        assert one.texts() and two.texts()
    await client.close()


async def test_messages_beyond_the_bytes_of_a_request_come_too(
    nats_server: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_pull, "REQUEST_BYTES", 64 << 10)
    large = b'{"a":"%b"}' % (b"x" * 100_000)
    small = [b'{"a":%d}' % number for number in range(50)]
    payloads = (*small, large, *small, large, large, b'{"a":"%b"}' % (b"y" * 40_000), *small)
    client = await filled(nats_server, "LARGE", *payloads)
    async with Live("nats_jetstream", properties(nats_server, subject="large")) as live:
        await live.until(lambda: len(live.texts()) == len(payloads), "all messages")
        assert live.texts() == [payload.decode() for payload in payloads]
    await client.close()


async def test_a_consumer_that_is_removed_is_a_failure_and_made_again(nats_server: Nats) -> None:
    client = await filled(nats_server, "REMOVED")
    async with Live("nats_jetstream", properties(nats_server, subject="removed")) as live:
        await live.connected()
        await client.jetstream().delete_consumer("REMOVED", "tailrace-id1")
        assert "Consumer Deleted" in await live.refused()
        await live.until(lambda: live.runner.status().status == "running", "a new consumer")
        await client.jetstream().publish("removed", b'{"a":1}')
        await live.until(lambda: len(live.texts()) == 1, "the message")
    await client.close()


async def test_a_server_that_says_nothing_is_a_failure(
    nats_server: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_pull, "SILENCE_SECONDS", 0.6)
    monkeypatch.setattr(nats_pull, "HEARTBEAT_SECONDS", 0.2)
    client = await filled(nats_server, "SILENT")
    async with Live("nats_jetstream", properties(nats_server, subject="silent")) as live:
        await live.connected()
        await asyncio.sleep(1)
        assert live.runner.status().status == "running"  # heartbeats are enough
        nats_server.pause()
        try:
            assert "does not answer" in await live.refused()
        finally:
            nats_server.resume()
        await client.jetstream().publish("silent", b'{"a":1}')
        await live.until(lambda: len(live.texts()) == 1, "the message")
    await client.close()


def tls_url(server: Nats) -> str:
    return server.url.replace("nats://", "tls://")


@pytest.fixture(scope="module")
def encrypted(nats_server: Nats, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A server that demands TLS, with a certificate that nobody here trusts."""
    file: Path = make_certificates(tmp_path_factory.mktemp("certificates")).server
    server = Nats(nats_server.binary, "--tls", "--tlscert", str(file), "--tlskey", str(file))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.mark.parametrize("kind", ["nats", "nats_jetstream"])
async def test_tls(encrypted: Nats, nats_server: Nats, kind: str) -> None:
    given = {"subject": "s", "data_type": "json"}
    trusting = {**given, "url": tls_url(encrypted), "tls": {"skip_verify_server": True}}
    async with Live("nats", trusting) as live:
        await live.connected()
    for address in (encrypted.url, tls_url(encrypted)):
        async with Live(kind, {**given, "url": address}) as live:
            assert "certificate verify failed" in await live.refused()
    plain = tls_url(nats_server)
    async with Live(kind, {**given, "url": plain, "token": "secret"}) as live:
        assert "offers no TLS" in await live.refused()
    async with Live("nats", {**given, "url": plain, "tls.disable": True}) as live:
        await live.connected()
