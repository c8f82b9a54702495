"""Source `websocket`: each message of a WebSocket server is an event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from connectors import messages, outbound
from connectors.contract import SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from engine.errors import UserError

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
MESSAGE_BYTES_MAX: Final = 8 << 20
# Messages that wait between the socket and the runner's buffer; beyond, the server must wait.
WAITING_MAX: Final = 64


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
        msgspec.Meta(title="Kind of the open message", description="How it is sent."),
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

    async def connect(self) -> None:
        """Connect and send the open message."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        config = self._config
        parts = urlsplit(config.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
        address = await outbound.address_of(host, port, private=self._context.private)
        try:
            self._socket = await connect(
                config.url,
                host=address,
                port=port,
                proxy=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MESSAGE_BYTES_MAX,
                max_queue=WAITING_MAX,
            )
            if config.open_message:
                text = config.open_message
                await self._socket.send(
                    text.encode() if config.open_message_type == "binary" else text
                )
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            raise _unreachable(host, error) from None

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """A batch for each message."""
        from websockets.exceptions import ConnectionClosedError

        try:
            async for message in self._socket:
                payload = message.encode() if isinstance(message, str) else bytes(message)
                now = self._context.clock.monotonic()
                yield SourceBatch((payload,), now, messages.FORMATS[self._config.data_type])
        except ConnectionClosedError as error:
            raise UserError(f"The connection was lost: {error}.", 400, "orbit") from None

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """A WebSocket has no acknowledgement."""

    async def close(self) -> None:
        """Close the connection."""
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
)
