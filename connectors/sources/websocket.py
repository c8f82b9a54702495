"""Source `websocket`: each message of a WebSocket server is an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from connectors import checking, http_looks, messages, outbound, tls
from connectors.contract import CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from engine.errors import UserError

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
MESSAGE_BYTES_MAX: Final = 8 << 20
# Frames that wait in the client; beyond, the server must wait.
FRAMES_MAX: Final = 64
# Messages that wait between the client and the runner's buffer, and their bytes; one always may.
WAITING_MAX: Final = 1_024
WAITING_BYTES_MAX: Final = 8 << 20


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a WebSocket source."""

    url: Annotated[
        str,
        msgspec.Meta(
            title="URL",
            description="Address of the server, ws:// or wss://.",
            examples=["wss://stream.example.org/trades"],
        ),
    ]
    data_type: messages.DataType
    open_message: Annotated[
        str, msgspec.Meta(title="Open message", description="Sent after connecting; none if empty.")
    ] = ""
    open_message_type: Annotated[
        Literal["text", "binary"],
        msgspec.Meta(title="Kind of the open message", description="How the open message is sent."),
    ] = "text"

    def __post_init__(self) -> None:
        """Refuse what is no WebSocket address."""
        parts = urlsplit(self.url)
        try:
            fits = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("Property 'url' must begin with ws:// or wss:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("Property 'url' must not hold a user or password")


class WebSocketSource:
    """See `connectors.contract.Source`. What is sent while it is away is lost."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._socket: Any = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()

    async def connect(self) -> None:
        """Connect and send the open message."""
        from websockets.exceptions import WebSocketException

        config = self._config
        await self._open()
        try:
            if config.open_message:
                text = config.open_message
                await self._socket.send(
                    text.encode() if config.open_message_type == "binary" else text
                )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise _unreachable(urlsplit(config.url).hostname or "", error) from None

    async def _open(self) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        config = self._config
        parts = urlsplit(config.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
        address = await outbound.address_of(host, port, private=self._context.private)
        secure: dict[str, Any] = {}
        if parts.scheme == "wss":
            secure["ssl"] = await tls.in_thread(verify=True)
        try:
            self._socket = await connect(
                config.url,
                host=address,
                port=port,
                proxy=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MESSAGE_BYTES_MAX,
                max_queue=FRAMES_MAX,
                **secure,
            )
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            raise _unreachable(host, error) from None

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. The open message is not sent."""
        url, private = self._config.url, self._context.private
        return checking.steps(
            self._context.clock,
            *http_looks.reach(url, private=private).steps,
            ("handshake", self._open),
        )

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What has come, together."""
        format_ = messages.FORMATS[self._config.data_type]
        self._reading = asyncio.create_task(self._read())
        while True:
            await self._came.wait()
            self._came.clear()
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            self._room.set()
            now = self._context.clock.monotonic()
            for piece in messages.pieces(waiting, len):
                yield SourceBatch(piece, now, format_)
            if self._reading.done():
                self._reading.result()  # raises what ended it
                return

    async def _read(self) -> None:
        """Messages that are there already come without a pause, and so in one batch."""
        from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

        try:
            while True:
                message = await self._socket.recv(decode=False)
                self._waiting.append(message)
                self._bytes += len(message)
                self._came.set()
                if len(self._waiting) >= WAITING_MAX or self._bytes >= WAITING_BYTES_MAX:
                    self._room.clear()
                    await self._room.wait()
        except ConnectionClosedOK:
            return
        except ConnectionClosedError as error:
            raise UserError(f"The connection was lost: {error}.", 400, "orbit") from None
        finally:
            self._came.set()

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """A WebSocket has no acknowledgement."""

    async def close(self) -> None:
        """Close the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()


def _unreachable(host: str, error: Exception) -> UserError:
    reason = str(error) or type(error).__name__
    return UserError(f"The WebSocket server {host} cannot be reached: {reason}.", 400, "orbit")


spec = SourceSpec(
    name="websocket",
    title="WebSocket",
    summary="Each message of a WebSocket server.",
    guarantee=SOURCES["websocket"],
    icon="websocket",
    config=Config,
    create=WebSocketSource,
    client=("websockets.asyncio.client",),
)
