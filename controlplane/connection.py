"""HTTP connections: uvicorn's protocol with bounds on heads and idling, and our error body."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controlplane.problems import bad_request, render
from controlplane.settings import Settings

NOT_HTTP: Final = "This is not HTTP as it can be understood here."
HEAD_TOO_LARGE: Final = "The request line and headers are larger than header_bytes_max."


class HeadTooLarge(ValueError):
    """Ends the parsing of a head; the parser wraps it."""


class BoundedHttp(HttpToolsProtocol):
    """A connection that must complete each head in time and in size.

    The timer runs while no request is served and no keep-alive timer of the base class runs: from
    the connection's start, and from the first bytes of a further head.
    """

    head_bytes_max: ClassVar[int]
    head_seconds: ClassVar[float]

    _head_bytes = 0
    _waiting_bytes = 0
    _in_head = True
    _too_large = False
    _upgraded = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was accepted."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; a head that began in earlier ones and is still open has a bound."""
        was_in_head = self._in_head
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            return
        if was_in_head and self._in_head:
            self._waiting_bytes += len(data)
            if self._waiting_bytes > self.head_bytes_max:
                self._too_large = True
                self.send_400_response(HEAD_TOO_LARGE)
                return
        if self._head_timer is None and (not self.cycle or self.cycle.response_complete):
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._head_bytes = self._waiting_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes + len(self.url) > self.head_bytes_max:
            self._too_large = True
            raise HeadTooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection is a WebSocket's from now on."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, and close."""
        rendered = render(bad_request(HEAD_TOO_LARGE if self._too_large else NOT_HTTP))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(rendered.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + rendered.body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def http_protocol(settings: Settings) -> type[HttpToolsProtocol]:
    """The protocol class with the bounds of the settings; uvicorn makes one per connection."""
    bounds: dict[str, Any] = {
        "head_bytes_max": settings.header_bytes_max,
        "head_seconds": float(settings.header_seconds),
    }
    return type("Http", (BoundedHttp,), bounds)
