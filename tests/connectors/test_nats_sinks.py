"""Sinks nats and nats_jetstream against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import nats
from live_sink import LiveSink

from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]  # the fixture, for the tests here


async def test_rows_are_messages_in_order_with_their_ids(nats_server: Nats) -> None:
    client = await nats.connect(nats_server.url)
    subscription = await client.subscribe("out.rows")
    await client.flush()
    given = {"url": nats_server.url, "subject": "out.rows", "tls.disable": True}
    async with LiveSink("nats", given) as live:
        live.rows(*[[n, "x"] for n in range(600)])
        await live.delivered(600)
        taken = [await subscription.next_msg() for _ in range(600)]
    assert [msgspec.json.decode(m.data)["n"] for m in taken] == list(range(600))
    ids = [m.headers["X-Event-Id"] for m in taken]
    assert (len(set(ids)), ids[5].endswith("-0-5")) == (600, True)
    await client.close()


async def test_a_row_above_the_servers_limit_is_a_letter(nats_server: Nats) -> None:
    given = {"url": nats_server.url, "subject": "out.large"}
    async with LiveSink("nats", given) as live:
        live.rows([1, "x"], [2, "x" * (2 << 20)], [3, "x"])
        await live.delivered(3)
        await live.until(lambda: bool(live.letters), "letter")
        assert live.letters == ["The row is above the server's 1048576 bytes."]
        assert live.runner.stats(1, 1).sent == 2


async def test_jetstream_stores_each_row_once_though_it_comes_twice(nats_server: Nats) -> None:
    client = await nats.connect(nats_server.url)
    context = client.jetstream()
    await context.add_stream(name="OUT", subjects=["outjs.>"])
    given: dict[str, Any] = {"url": nats_server.url, "subject": "outjs.rows", "stream": "OUT"}
    async with LiveSink("nats_jetstream", given) as live:
        live.rows(*[[n, "x"] for n in range(300)])
        await live.delivered(300)
    epoch = live.engine.hidden[live.owner].records["epoch"]
    async with LiveSink("nats_jetstream", given) as again:  # nothing of the position was kept
        again.engine.hidden[again.owner].records["epoch"] = epoch
        again.rows(*[[n, "x"] for n in range(301)])
        await again.delivered(301)
    info = await context.stream_info("OUT")
    assert info.state.messages == 301
    first = await context.get_msg("OUT", 1)
    assert msgspec.json.decode(first.data or b"") == {"n": 0, "text": "x"}
    assert (first.headers or {})["X-Event-Id"].endswith("-0-0")
    await client.close()


async def test_a_subject_without_a_stream_or_a_server_that_is_away_is_a_message(
    nats_server: Nats,
) -> None:
    nobody = {"url": nats_server.url, "subject": "nobody.takes"}
    async with LiveSink("nats_jetstream", nobody) as live:
        live.rows([1, "x"])
        assert "no response from stream" in await live.refused()
        assert live.letters == []
    async with LiveSink("nats", {"url": "nats://127.0.0.1:1", "subject": "s"}) as live:
        assert "NATS at nats://127.0.0.1:1 cannot be reached" in await live.refused()
    async with LiveSink("nats", {**nobody, "subject": "s"}, private=False) as live:
        assert "allow_private_networks" in await live.refused()


async def test_rows_without_the_right_to_the_subject_wait(tmp_path: Path) -> None:
    from tests.services.nats import find_binary

    (tmp_path / "conf").write_text(
        'authorization { users = [{user: u, password: p, permissions: {publish: "ok.>"}}] }'
    )
    server = Nats(find_binary() or "", "-c", str(tmp_path / "conf")).start()
    try:
        for kind in ("nats", "nats_jetstream"):
            given = {"url": server.url, "subject": "secret", "username": "u", "password": "p"}
            async with LiveSink(kind, given) as live:
                live.rows([1, "x"])
                assert "permissions violation" in (await live.refused()).lower()
                assert live.runner.stats(1, 1).sent == 0
    finally:
        server.close()


async def test_rows_wait_while_the_server_is_away() -> None:
    from tests.services.nats import find_binary

    server = Nats(find_binary() or "").start()
    try:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name="OUT", subjects=["out"])
        await client.close()
        given = {"url": server.url, "subject": "out"}
        async with LiveSink("nats_jetstream", given) as live:
            live.rows([1, "x"])
            await live.delivered(1)
            server.kill()
            live.rows([2, "x"])
            await live.refused()
            server.start()
            await live.delivered(2)
            assert live.runner.status().status == "running"
        client = await nats.connect(server.url)
        info = await client.jetstream().stream_info("OUT")
        assert info.state.messages == 2
        await client.close()
    finally:
        server.close()
