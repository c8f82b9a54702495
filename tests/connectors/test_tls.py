"""TLS contexts are made beside the event loop."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import pytest
from live import Live
from live_sink import LiveSink

from connectors import tls

KAFKA = {"brokers": "127.0.0.1:%d", "topic": "t"}


@pytest.mark.parametrize(
    ("made", "type_", "given"),
    [
        (Live, "kafka", {**KAFKA, "data_type": "json", "offset": "earliest"}),
        (
            Live,
            "nats_jetstream",
            {"url": "tls://127.0.0.1:%d", "subject": "s", "data_type": "json"},
        ),
        (Live, "websocket", {"url": "wss://127.0.0.1:%d", "data_type": "json"}),
        (LiveSink, "kafka", KAFKA),
        (LiveSink, "websocket", {"url": "wss://127.0.0.1:%d"}),
    ],
)
async def test_contexts_are_made_beside_the_loop(
    made: Any, type_: str, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    create = ssl.create_default_context

    def recorded(*given: Any, **more: Any) -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return create(*given, **more)

    monkeypatch.setattr(ssl, "create_default_context", recorded)
    tls.context.cache_clear()
    async with await asyncio.start_server(_cut, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        at = {key: value.replace("%d", str(port)) for key, value in given.items()}
        await _fails(made(type_, at))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def _cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _fails(made: Any) -> None:
    async with made as live:
        if isinstance(made, LiveSink):
            made.rows([1, "x"])
        assert "127.0.0.1" in await live.refused()
