"""Sink websocket against a real server on the loopback address."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from live_sink import LiveSink
from websockets.asyncio.server import serve
from websockets.utils import accept_key


async def test_rows_are_text_messages_in_order_over_lost_connections() -> None:
    taken: list[str] = []
    headers: list[str] = []

    async def take(socket: Any) -> None:
        headers.append(socket.request.headers["X-Mine"])
        for _ in range(30):
            await socket.send("what a sink lets go " * 100)
        async for message in socket:
            taken.append(message)
            if len(taken) in (3, 7):
                return  # the server goes away in the middle

    async with serve(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        given = {"url": f"ws://127.0.0.1:{port}/in", "header": {"X-Mine": "v"}}
        async with LiveSink("websocket", given) as live:
            for n in range(10):
                live.rows([n, "x"])
                await live.delivered(n + 1)
            assert live.letters == []
    numbers = [msgspec.json.decode(text)["n"] for text in taken]
    assert list(dict.fromkeys(numbers)) == list(range(10))
    assert len(headers) == 3


async def test_a_server_that_took_nothing_gets_the_rows_again() -> None:
    taken: list[str] = []
    connections = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Shakes hands and answers nothing; the second connection answers each ping."""
        nonlocal connections
        connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.lower().partition("sec-websocket-key: ")[2].split("\r\n")[0]
        at = head.lower().index(key)
        accepted = accept_key(head[at : at + len(key)])
        writer.write(
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accepted.encode() + b"\r\n\r\n"
        )
        if connections == 1:
            await asyncio.sleep(0.1)  # the row lies in the socket
        else:
            start = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            body = await reader.readexactly(start[1] & 127)
            taken.append(bytes(b ^ mask[i % 4] for i, b in enumerate(body)).decode())
            ping = await reader.readexactly(2 + 4)
            sent = await reader.readexactly(ping[1] & 127)
            payload = bytes(b ^ ping[2 + i % 4] for i, b in enumerate(sent))
            writer.write(bytes([0x8A, len(payload)]) + payload)
            await reader.read()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with LiveSink("websocket", {"url": f"ws://127.0.0.1:{port}"}) as live:
        live.rows([1, "x"])
        await live.delivered(1)
    server.close()
    assert (taken, connections) == (['{"n":1,"text":"x"}'], 2)


async def test_templates_and_a_server_that_is_away() -> None:
    taken: list[str] = []

    async def take(socket: Any) -> None:
        taken.extend([message async for message in socket])

    async with serve(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        given = {"url": f"ws://127.0.0.1:{port}", "template": "{{ .n }}: {{ .text }}"}
        async with LiveSink("websocket", given) as live:
            live.rows(*[[n, "x"] for n in range(600)])
            await live.delivered(600)
        await live.until(lambda: bool(taken), "the end of the connection")
        assert taken == [f"{n}: x" for n in range(600)]
        async with LiveSink("websocket", given, private=False) as live:
            assert "allow_private_networks" in await live.refused()
    async with LiveSink("websocket", {"url": "ws://127.0.0.1:1"}) as live:
        assert "The WebSocket server 127.0.0.1 cannot be reached" in await live.refused()
