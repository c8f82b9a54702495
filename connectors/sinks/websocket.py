"""Sink `websocket`: a text message for each row, to a server that is connected to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from connectors import checking, http_delivery, http_looks, outbound, tls
from connectors.contract import CheckStep
from connectors.row_json import ObjectWriter
from connectors.sink_contract import Delivery, NotDelivered, Refusal, SinkContext, SinkRow, SinkSpec
from connectors.template import Template

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
REPLY_SECONDS: Final = 10.0
BATCH_ROWS: Final = 256
# What the server sends is read and let go.
MESSAGE_BYTES_MAX: Final = 1 << 20
WAITING_MAX: Final = 16


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a WebSocket sink."""

    url: Annotated[
        str,
        msgspec.Meta(
            title="URL",
            description="Address of the server, ws:// or wss://.",
            examples=["wss://stream.example.org/rows"],
        ),
    ]
    template: Annotated[
        str,
        msgspec.Meta(
            title="Message",
            description="Template with fields such as {{ .device }}; the row as JSON if empty.",
        ),
    ] = ""
    header: Annotated[
        dict[str, str], msgspec.Meta(title="Headers", description="Sent when connecting.")
    ] = {}

    def __post_init__(self) -> None:
        """Refuse what is no WebSocket address."""
        scheme, separator, rest = self.url.partition("://")
        if scheme not in ("ws", "wss"):
            raise ValueError("Property 'url' must begin with ws:// or wss:// and name a host")
        http_delivery.check_url(f"http{scheme[2:]}{separator}{rest}", "url")
        http_delivery.check_headers(self.header, "header")


class WebSocketSink:
    """See `connectors.sink_contract.Sink`. Delivered is what the server answered a ping after."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        names = [*(column.name for column in context.columns), *context.extras]
        self._config = config
        self._context = context
        self._objects = ObjectWriter(context.columns)
        text = config.template
        self._template = Template(text, names, "property 'template'") if text else None
        self._socket: Any = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        parts = urlsplit(self._config.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
        address = await outbound.address_of(host, port, private=self._context.private)
        secure: dict[str, Any] = {}
        if parts.scheme == "wss":
            secure["ssl"] = await tls.in_thread(verify=True)
        try:
            self._socket = await connect(
                self._config.url,
                host=address,
                port=port,
                proxy=None,
                additional_headers=self._config.header,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MESSAGE_BYTES_MAX,
                max_queue=WAITING_MAX,
                **secure,
            )
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise NotDelivered(
                f"The WebSocket server {host} cannot be reached: {reason}."
            ) from None
        self._reading = asyncio.create_task(_read(self._socket))

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. A ping is sent, no message."""
        url, private = self._config.url, self._context.private
        return checking.steps(
            self._context.clock,
            *http_looks.reach(url, private=private).steps,
            ("handshake", self.connect),
            ("ping", self._ping),
        )

    async def _ping(self) -> str:
        await self.deliver(())
        return "The server answers a ping; a row is not tried."

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send them, and a ping that the server answers after it has read them."""
        from websockets.exceptions import WebSocketException

        try:
            async with asyncio.timeout(REPLY_SECONDS):
                for row in rows:
                    await self._socket.send(self._text(row))
                await (await self._socket.ping())
        except (OSError, TimeoutError, WebSocketException) as error:
            reason = str(error) or "no answer to a ping"
            raise NotDelivered(f"The connection was lost: {reason}.", reconnect=True) from None
        return ()

    def _text(self, row: SinkRow) -> str:
        if self._template is not None:
            return self._template.render(row.values)
        return self._objects.write(row.values).decode()

    async def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await asyncio.wait([self._reading])


async def _read(socket: Any) -> None:
    from websockets.exceptions import WebSocketException

    with contextlib.suppress(WebSocketException, OSError):
        async for _ in socket:
            pass


def _delivery(_: Config, context: SinkContext) -> Delivery:
    return Delivery(rows=BATCH_ROWS)


def _secrets(config: Config) -> frozenset[str]:
    return http_delivery.secret_headers(config.header, "header")


spec = SinkSpec(
    name="websocket",
    title="WebSocket",
    summary="A message to a WebSocket server for each row.",
    guarantee="at least once",
    icon="websocket",
    config=Config,
    create=WebSocketSink,
    delivery=_delivery,
    secrets=_secrets,
    client=("websockets.asyncio.client",),
)
