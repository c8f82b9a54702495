"""WebSocket connections: uvicorn's protocol with a bound on peers that do not read."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from controlplane.settings import Settings

# What a peer gets to answer a close, or to read it.
CLOSE_SECONDS: Final = 2.0
SLOW: Final = 1008
SLOW_REASON: Final = "slow consumer: nothing was read"


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A connection whose writes may stand still for a while only.

    Sending waits for the transport, whose buffer is bounded; so nothing piles up here. When the
    server stops the application closes it, which has more to say first.
    """

    send_seconds: ClassVar[float]

    _stuck: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.close_timeout = CLOSE_SECONDS

    def pause_writing(self) -> None:
        """The peer is behind by a whole buffer."""
        super().pause_writing()
        self._stuck = self.loop.call_later(self.send_seconds, self._give_up)

    def resume_writing(self) -> None:
        """It has read on."""
        self._read_on()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._read_on()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops. What is open is closed by the application, what is not yet, here."""
        if self.close_sent or not self.handshake_complete:
            super().shutdown()

    def _read_on(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _give_up(self) -> None:
        """Say why behind what waits, in case that it reads again, and cut the connection off."""
        if not self.close_sent and self.handshake_complete and not self.transport.is_closing():
            gone = {"type": "websocket.disconnect", "code": SLOW, "reason": SLOW_REASON}
            self.queue.put_nowait(gone)  # type: ignore[arg-type]
            self.conn.send_close(SLOW, SLOW_REASON)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


def websocket_protocol(settings: Settings) -> type[WebSocketsSansIOProtocol]:
    """The protocol class with the bounds of the settings; uvicorn makes one per connection."""
    seconds = float(settings.sse_send_timeout_seconds)
    return type("WebSocket", (BoundedWebSocket,), {"send_seconds": seconds})
