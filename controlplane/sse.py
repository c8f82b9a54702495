"""A live query as an event stream: the exact frames of the contract over sse-starlette."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

import msgspec
from litestar.types import ASGIApp
from sse_starlette.sse import AppStatus, EventSourceResponse

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


def live_response(live: LiveQuery, streaming: Streaming) -> ASGIApp:
    """Stream a running query until it ends or its reader goes away."""
    return _response(_frames(live, streaming), streaming)


def ended_response(record: QueryRecord, streaming: Streaming) -> ASGIApp:
    """One `query` event for a statement that is done (DDL)."""

    async def frames() -> AsyncIterator[bytes]:
        yield query_frame(streaming.encode_query(record))

    return _response(frames(), streaming)


def _response(frames: AsyncIterator[bytes], streaming: Streaming) -> ASGIApp:
    response = EventSourceResponse(
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
