"""Event-stream responses: the bound on one send, and that silence between frames is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sse_starlette.sse import SendTimeoutError

from controlplane.sse import FrameResponse

SEND_SECONDS = 0.1
SCOPE: dict[str, Any] = {"type": "http", "method": "POST"}
FRAME = b"data: [[1]]\n\n"


class Peer:
    """A client of one response, which takes `frames_max` messages and then no more."""

    def __init__(self, messages_max: int) -> None:
        self._left = messages_max
        self.bodies: list[bytes] = []

    async def send(self, message: Any) -> None:
        self._left -= 1
        if self._left < 0:
            await asyncio.Event().wait()
        self.bodies.append(message.get("body", b""))

    async def receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError


class Frames:
    """A few frames with a pause before each; remembers that it was closed."""

    def __init__(self, count: int, pause: float) -> None:
        self._count = count
        self._pause = pause
        self.closed = False

    async def all(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(self._count):
                await asyncio.sleep(self._pause)
                yield FRAME
        finally:
            self.closed = True


def response(frames: Frames) -> FrameResponse:
    return FrameResponse(frames.all(), ping=0, send_timeout=SEND_SECONDS)


async def test_a_send_that_takes_too_long_ends_the_stream_and_frees_it() -> None:
    frames, peer = Frames(3, 0.0), Peer(messages_max=2)
    with pytest.raises(SendTimeoutError):
        async with asyncio.timeout(20 * SEND_SECONDS):
            await response(frames)(SCOPE, peer.receive, peer.send)
    assert peer.bodies == [b"", FRAME]
    assert frames.closed


async def test_a_pause_between_frames_longer_than_a_send_may_take_ends_nothing() -> None:
    frames, peer = Frames(2, 2.5 * SEND_SECONDS), Peer(messages_max=10)
    await response(frames)(SCOPE, peer.receive, peer.send)
    assert peer.bodies == [b"", FRAME, FRAME, b""]
    assert frames.closed


async def test_a_caller_that_gives_up_a_waiting_send_is_not_told_of_a_timeout() -> None:
    frames, peer = Frames(3, 0.0), Peer(messages_max=1)
    with pytest.raises(TimeoutError) as raised:
        async with asyncio.timeout(SEND_SECONDS / 4):
            await response(frames)(SCOPE, peer.receive, peer.send)
    assert not isinstance(raised.value, SendTimeoutError)
    assert frames.closed
