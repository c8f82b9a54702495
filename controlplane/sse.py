"""A live query as an event stream: the exact frames of the contract over sse-starlette."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, cast

import msgspec
from litestar.types import ASGIApp
from sse_starlette.sse import AppStatus, EventSourceResponse, SendTimeoutError

from controlplane.services.live_query import LiveQuery, QueryRecord, split_array
from controlplane.telemetry import HttpCounters
from engine.protocol import Rows

# The library would cut streams off at the stop signal; ours end with a last `query` event first.
AppStatus.disable_automatic_graceful_drain()

HEADERS: Final = {"Cache-Control": "no-cache"}
# No pings: other clients read comment lines as rows; the one-second metrics are the heartbeat.
PING_OFF: Final = 0

_encode = msgspec.json.Encoder().encode
EncodeQuery = Callable[[QueryRecord], bytes]


def query_frame(query: bytes) -> bytes:
    """A `query` event: one `event:` line directly followed by one `data:` line."""
    return b"event: query\ndata: " + query + b"\n\n"


def rows_frame(payload: bytes) -> bytes:
    """A batch of rows: `data:` without an `event:` line."""
    return b"data: " + payload + b"\n\n"


def metrics_frame(metrics: msgspec.Struct) -> bytes:
    """A `metrics` event."""
    return b"event: metrics\ndata: " + _encode(metrics) + b"\n\n"


class Streaming(msgspec.Struct, frozen=True):
    """What event streams need beside their query."""

    encode_query: EncodeQuery
    abandon: Callable[[LiveQuery], None]
    counters: HttpCounters
    send_timeout_seconds: float


Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class FrameResponse(EventSourceResponse):
    """The library's response with one timer for all its sends.

    Its own scope and timer for each send cost as much as the rest of a frame's way.
    """

    _sender: asyncio.Task[Any] | None = None
    _sending_since: float | None = None
    _timed_out = False
    _timer: asyncio.TimerHandle | None = None

    async def _stream_response(self, send: Send) -> None:
        self._sender = asyncio.current_task()
        self._look()
        try:
            await super()._stream_response(send)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _look(self) -> None:
        """End a send that takes longer than it may; look again when the next one could."""
        if self.send_timeout is None or self._sender is None:
            return
        loop = asyncio.get_running_loop()
        since, now = self._sending_since, loop.time()
        left = self.send_timeout if since is None else since + self.send_timeout - now
        if left > 0:
            self._timer = loop.call_later(left, self._look)
        else:
            self._timed_out = True
            self._sender.cancel()

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        self._sending_since = asyncio.get_running_loop().time()
        try:
            await send(message)
        except asyncio.CancelledError:
            if self._timed_out and self._sender is not None:
                self._sender.uncancel()
                raise SendTimeoutError from None
            raise
        finally:
            self._sending_since = None


def live_response(live: LiveQuery, streaming: Streaming) -> ASGIApp:
    """Stream a running query until it ends or its reader goes away."""
    return _response(_frames(live, streaming), streaming)


def ended_response(record: QueryRecord, streaming: Streaming) -> ASGIApp:
    """One `query` event for a statement that is done (DDL)."""

    async def frames() -> AsyncIterator[bytes]:
        yield query_frame(streaming.encode_query(record))

    return _response(frames(), streaming)


def _response(frames: AsyncIterator[bytes], streaming: Streaming) -> ASGIApp:
    response = FrameResponse(
        frames,
        headers=HEADERS,
        ping=PING_OFF,
        send_timeout=streaming.send_timeout_seconds,
    )
    return cast(ASGIApp, response)


async def _frames(live: LiveQuery, streaming: Streaming) -> AsyncIterator[bytes]:
    counters = streaming.counters
    counters.sse_open += 1
    try:
        yield query_frame(streaming.encode_query(live.record))
        while (item := await live.take()) is not None:
            if isinstance(item, Rows):
                pieces = deque(split_array(item.payload))
                del item  # the reader may stand still at the yield: hold its bytes once
                while pieces:
                    counters.sse_frames += 1
                    counters.sse_bytes += len(pieces[0])
                    yield rows_frame(pieces.popleft())
            else:
                yield metrics_frame(item)
        yield query_frame(streaming.encode_query(live.record))
    finally:
        counters.sse_open -= 1
        streaming.abandon(live)
