"""Source websocket against a real server on the loopback address."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from live import Live
from websockets.asyncio.server import serve

from connectors import control, properties
from connectors.contract import SourceContext
from connectors.preview import preview
from connectors.sources import websocket
from connectors.surroundings import Surroundings
from engine.clock import SystemClock
from engine.errors import UserError


@asynccontextmanager
async def serving(handler: Callable[[Any], Awaitable[None]]) -> AsyncIterator[str]:
    """A server; its address."""
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/feed"


async def test_each_message_is_an_event_and_a_bad_one_stands_alone() -> None:
    got: list[Any] = []

    async def handler(socket: Any) -> None:
        got.append(await socket.recv())
        for message in ('{"a":1}', b'{"a":2}', '{"a":\n3}', '[{"a":4},{"a":5}]', '{"a":'):
            await socket.send(message)
        await socket.wait_closed()

    async with serving(handler) as url:
        given = {"url": url, "data_type": "json", "open_message": "hello"}
        async with Live("websocket", given) as live:
            await live.until(lambda: len(live.letters()) == 1, "the bad one")
            await live.until(lambda: len(live.texts()) == 4, "four messages")
            assert live.objects() == [{"a": n} for n in (1, 2, 3, 4, 5)]
            assert live.letters() == ['{"a":']
            assert live.runner.status().status == "running"
    assert got == ["hello"]


async def test_text_goes_into_raw_and_the_open_message_may_be_binary() -> None:
    got: list[Any] = []

    async def handler(socket: Any) -> None:
        got.append(await socket.recv())
        for message in ("plain", "two\nlines", "", b"\xff"):
            await socket.send(message)
        await socket.wait_closed()

    async with serving(handler) as url:
        given = {
            "url": url, "data_type": "text", "open_message": "x", "open_message_type": "binary"
        }  # fmt: skip
        async with Live("websocket", given) as live:
            await live.until(lambda: len(live.letters()) == 1, "what is no text")
            assert live.texts() == ["plain", "two\nlines", ""]
            assert live.letters() == ["/w=="]
    assert got == [b"x"]


async def test_a_lost_connection_is_made_again() -> None:
    lives = 0

    async def handler(socket: Any) -> None:
        nonlocal lives
        lives += 1
        await socket.send(msgspec.json.encode({"a": lives}))
        if lives == 1:
            await asyncio.sleep(0.05)
            socket.transport.abort()
            return
        await socket.wait_closed()

    async with serving(handler) as url:
        async with Live("websocket", {"url": url, "data_type": "json"}) as live:
            await live.until(lambda: len(live.engine.appends) >= 2, "a second life")
            assert live.objects() == [{"a": 1}, {"a": 2}]
        lines = live.runner.log.newest(20)
        assert any("ERROR" in line for line in lines)
        assert sum("connected" in line for line in lines) == 2


async def test_addresses_that_are_not_public_need_the_setting() -> None:
    given = {"url": "ws://127.0.0.1:1/x", "data_type": "json"}
    async with Live("websocket", given, private=False) as live:
        assert "allow_private_networks" in await live.refused()


async def test_preview_of_what_cannot_be_reached_is_the_callers_error() -> None:
    around = Surroundings(None, SystemClock(), private=True)  # type: ignore[arg-type]
    given = {"url": "ws://127.0.0.1:1/x", "data_type": "json"}
    with pytest.raises(UserError, match="cannot be reached") as caught:
        await preview(control.Preview("websocket", given, 1, 5_000), around)
    assert (caught.value.code, caught.value.system) == (400, "orbit")


@pytest.mark.parametrize(
    "url", ["http://x", "ws://", "wss://u:p@host/", "ws://host:99999/", "ws://[::1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UserError):
        properties.parse(websocket.Config, {"url": url, "data_type": "json"})


async def test_messages_that_wait_come_together_and_a_fast_server_waits() -> None:
    count, sent, noise = 4_000, 0, random.Random(1).randbytes(10_000)

    async def handler(socket: Any) -> None:
        nonlocal sent
        for number in range(count):
            await socket.send(b"%d " % number + noise)
            sent += 1
        await socket.wait_closed()

    config = {"data_type": "text"}
    async with serving(handler) as url:
        parsed = properties.parse(websocket.Config, {**config, "url": url})
        context = SourceContext("i", SystemClock(), asyncio.sleep, private=True)
        source = websocket.WebSocketSource(parsed, context)
        await source.connect()
        batches = source.batches()
        first = await anext(batches)
        before = -1
        while before != sent:  # until the server cannot send any more
            before = sent
            await asyncio.sleep(0.2)
        assert sent < count
        numbers = [int(message.split()[0]) for message in first.messages]
        taken = 1
        while len(numbers) < count:
            numbers += [int(message.split()[0]) for message in (await anext(batches)).messages]
            taken += 1
        assert numbers == list(range(count))
        assert taken < count / 4
        await source.close()
