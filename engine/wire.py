"""The framed protocol of the Unix socket: frames, their codec, and a buffered duplex connection.

Frame: u32 length of what follows, u64 request id, u8 kind, u32 length of meta, meta (msgpack),
payload (raw bytes: bodies in, encoded rows out). A request is answered by one REPLY or ERROR; a
request that opens a stream is answered by REPLY and then ITEMs until an item that ends it. The
reader of a stream grants bytes by CREDIT and leaves it by CANCEL.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.activity import Activity, Diagnosis
from engine.calls import Answer, Request
from engine.dead_letter import DeadLetter
from engine.errors import BY_NAME, TailraceError
from engine.external_objects import ExternalState, ExternalWork
from engine.owned_names import SeriesCall
from engine.protocol import (
    Alteration,
    Analysis,
    BackgroundOpened,
    BackgroundQuery,
    Backtested,
    Caller,
    Definition,
    EngineInfo,
    IngestAck,
    IngestRequest,
    Pipeline,
    Position,
    QueryCounters,
    QueryEnd,
    QueryOpened,
    QueryRequest,
    Snapshot,
    StreamStats,
    ViewState,
)
from engine.source_appends import SourceAck, SourceAppend, SourceOpened

REQUEST: Final = 1
REPLY: Final = 2
ERROR: Final = 3
ROWS: Final = 4
END: Final = 5
SNAPSHOT: Final = 6
CREDIT: Final = 7
CANCEL: Final = 8
CALL: Final = 9  # an outside call for the connector process: (number, Request)
EXTERNAL: Final = 11  # what is to be read and written of external objects: ExternalWork
BACKGROUND: Final = 10  # rows of a hidden stream: (query, sn, first row, count, event time)

# A body is at most 64 MiB inflated (control-plane limit); a frame above this is a broken peer.
FRAME_BYTES_MAX: Final = 128 << 20
# What a stream's reader may have in flight before it must take and grant again.
CREDIT_BYTES: Final = 64 << 10

_HEAD = struct.Struct("<IQBI")
_AFTER_LENGTH: Final = _HEAD.size - 4

REQUESTS: Final[dict[str, Any]] = {
    "ingest": IngestRequest,
    "run": QueryRequest,
    "cancel": str,
    "counters": str,
    "delivered": tuple[str, int],
    "pipeline": str,
    "analyze": str,
    "format_sql": str,
    "create": tuple[Definition, Caller],
    "alter": tuple[str, Alteration, Caller],
    "drop": tuple[str, bool, str],
    "stats": tuple[str, int],
    "view_state": str,
    "activity": None,
    "diagnose": str,
    "hold": tuple[str, tuple[str, ...]],
    "release": str,
    "reconcile": dict[str, tuple[str, ...]],
    "check_background": tuple[str, ...],
    "backtest_background": tuple[tuple[str, ...], int],
    "start_background": tuple[BackgroundQuery, Caller],
    "pause_background": str,
    "drop_background": str,
    "background_states": tuple[str, ...],
    "read_background": tuple[str, bool],
    "advance": tuple[str, Position, dict[str, bytes], tuple[DeadLetter, ...]],
    "open_source": str,
    "append_source": SourceAppend,
    "series": tuple[SeriesCall, Caller],
    "open_replay": str,
    "forget_source": str,
    "watch_external": None,
    "report_external": ExternalState,
    "source_letters": tuple[str, ...],
    "positions": tuple[str, ...],
    "saved": tuple[str, ...],
    "definitions": None,
    "watch": None,
    "info": None,
    "serve_calls": None,
    "answered": tuple[int, Answer],
}
REPLIES: Final[dict[str, Any]] = {
    "ingest": IngestAck,
    "run": QueryOpened,
    "cancel": bool,
    "counters": QueryCounters,
    "delivered": None,
    "pipeline": Pipeline,
    "analyze": Analysis,
    "format_sql": str,
    "create": Definition,
    "alter": Definition,
    "drop": None,
    "stats": StreamStats,
    "view_state": ViewState,
    "activity": Activity,
    "diagnose": Diagnosis,
    "hold": None,
    "release": None,
    "reconcile": None,
    "check_background": BackgroundOpened,
    "backtest_background": Backtested,
    "start_background": BackgroundOpened,
    "pause_background": None,
    "drop_background": None,
    "background_states": dict[str, ViewState],
    "read_background": None,
    "advance": None,
    "open_source": SourceOpened,
    "append_source": SourceAck,
    "series": bytes,
    "open_replay": int,
    "forget_source": None,
    "watch_external": None,
    "report_external": None,
    "source_letters": dict[str, str],
    "positions": dict[str, Position],
    "saved": dict[str, dict[str, bytes]],
    "definitions": Snapshot,
    "watch": None,
    "info": EngineInfo,
    "serve_calls": None,
}

encode_meta = msgspec.msgpack.Encoder().encode
reply_decoders: Final = {
    name: msgspec.msgpack.Decoder(kind).decode for name, kind in REPLIES.items()
}
decode_end: Final = msgspec.msgpack.Decoder(QueryEnd).decode
decode_external: Final = msgspec.msgpack.Decoder(ExternalWork).decode
decode_snapshot: Final = msgspec.msgpack.Decoder(Snapshot).decode
decode_rows: Final = msgspec.msgpack.Decoder(tuple[int, int]).decode
decode_background: Final = msgspec.msgpack.Decoder(tuple[int, int, int, int, int]).decode
decode_call: Final = msgspec.msgpack.Decoder(tuple[int, Request]).decode
decode_int: Final = msgspec.msgpack.Decoder(int).decode
_decode_method = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw]).decode
_decode_error = msgspec.msgpack.Decoder(tuple[str, int, str, str]).decode


def decode_request(meta: bytes) -> tuple[str, Any]:
    """Method name and typed arguments; ValueError for a method that does not exist."""
    name, raw = _decode_method(meta)
    if name not in REQUESTS:
        raise ValueError(f"unknown method {name!r}")
    return name, msgspec.msgpack.decode(raw, type=REQUESTS[name])


def encode_error(error: TailraceError) -> bytes:
    """An error of the tree as the meta of an ERROR frame."""
    name = next(each.__name__ for each in type(error).__mro__ if each.__name__ in BY_NAME)
    return encode_meta((name, error.code, error.message, error.system))


def decode_error(meta: bytes) -> TailraceError:
    """The error of an ERROR frame; an unknown class comes back as the root of the tree."""
    name, code, message, system = _decode_error(meta)
    return BY_NAME.get(name, TailraceError)(message, code, system)


FrameHandler = Callable[[int, int, memoryview, memoryview], None]


class FrameConnection(asyncio.Protocol):
    """One end of the socket. Calls `on_frame(request id, kind, meta, payload)` for each frame.

    Whoever keeps the views keeps all bytes that came with them: take copies. `send` never blocks:
    frames of one turn of the loop leave in one system call; whoever sends streams bounds them by
    credit. `on_close(error)` is called once.
    """

    def __init__(
        self, on_frame: FrameHandler, on_close: Callable[[Exception | None], None]
    ) -> None:
        self._on_frame = on_frame
        self._on_close = on_close
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._scheduled = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Cut the bytes into frames and hand them on."""
        buffer = self._buffer
        buffer += data
        start, end = 0, len(buffer)
        view = memoryview(buffer)
        try:
            while end - start >= 4:
                length = int.from_bytes(view[start : start + 4], "little")
                if length > FRAME_BYTES_MAX or length < _AFTER_LENGTH:
                    self.close()
                    return
                if end - start - 4 < length:
                    break
                _, request, kind, meta_length = _HEAD.unpack_from(view, start)
                meta_start = start + _HEAD.size
                meta_end = meta_start + meta_length
                frame_end = start + 4 + length
                self._on_frame(request, kind, view[meta_start:meta_end], view[meta_end:frame_end])
                start = frame_end
        finally:
            view.release()
        if start:
            # A new buffer, not a shorter one: a traceback that is kept of an error below
            # `_on_frame` holds its views, and a buffer with views cannot be resized.
            self._buffer = buffer[start:]

    def send(self, request: int, kind: int, meta: bytes, payload: bytes = b"") -> None:
        """Queue one frame for the end of this turn of the loop."""
        length = _AFTER_LENGTH + len(meta) + len(payload)
        self._out.append(_HEAD.pack(length, request, kind, len(meta)) + meta)
        if payload:
            self._out.append(payload)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        out, self._out = self._out, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(out) if len(out) > 1 else out[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner once."""
        self._transport = None
        self._on_close(exc)

    def close(self) -> None:
        """Send what is queued and close."""
        if self._transport is not None:
            if self._out:
                self._flush()
            self._transport.close()
