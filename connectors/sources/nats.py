"""Source `nats`: messages of a NATS subject, as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from connectors import duration, messages, nats_connection
from connectors.contract import SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from engine.errors import UserError

# Bytes that wait in the client beside `prefetch_count` messages.
PREFETCH_BYTES_MAX: Final = 64 << 20
# Messages between the client's own queue and the runner's buffer.
WAITING_MAX: Final = 1_024


class Config(nats_connection.Common, frozen=True, kw_only=True):
    """Properties of a NATS source."""

    subject: Annotated[
        str,
        msgspec.Meta(title="Subject", description="With wildcards * and > if wanted."),
        msgspec.Meta(min_length=1),
    ]
    queue: Annotated[
        str, msgspec.Meta(title="Queue group", description="Share the messages with its others.")
    ] = ""
    nak_delay: Annotated[
        str, msgspec.Meta(title="Nak delay", description="Accepted; NATS has no redelivery.")
    ] = ""
    prefetch_count: Annotated[
        int,
        msgspec.Meta(
            title="Prefetch", description="Messages that may wait in the client.", ge=1, le=2**24
        ),
    ] = 524_288

    def __post_init__(self) -> None:
        """Refuse bad addresses and durations."""
        self.urls()
        if self.nak_delay:
            try:
                duration.seconds(self.nak_delay, "property 'nak_delay'")
            except UserError as error:
                raise ValueError(error.message.rstrip(".")) from error


class NatsSource:
    """See `connectors.contract.Source`. What is published while it is away is lost."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._connection: Any = None
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_MAX)

    async def connect(self) -> None:
        """Connect and subscribe."""
        config = self._config
        self._connection = await nats_connection.connect(
            config,
            f"tailrace source {self._context.source_id}",
            self._closed,
            private=self._context.private,
        )
        await self._connection.subscribe(
            config.subject,
            queue=config.queue,
            cb=self._take,
            pending_msgs_limit=config.prefetch_count,
            pending_bytes_limit=PREFETCH_BYTES_MAX,
        )
        await self._connection.flush()

    async def _take(self, message: Any) -> None:
        await self._queue.put(message.data)

    async def _closed(self) -> None:
        await self._queue.put(None)

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What has come, together."""
        format_ = messages.FORMATS[self._config.data_type]
        while True:
            waiting = [await self._queue.get()]
            while not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            payloads = [payload for payload in waiting if payload is not None]
            now = self._context.clock.monotonic()
            for piece in messages.pieces(payloads, len):
                yield SourceBatch(piece, now, format_)
            if len(payloads) < len(waiting):
                raise UserError("The connection to NATS was lost.", 400, "orbit")

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """NATS without JetStream has no acknowledgement."""

    async def close(self) -> None:
        """Close the connection."""
        from nats.errors import Error

        if self._connection is not None:
            while not self._queue.empty():  # so that `_closed` has room
                self._queue.get_nowait()
            with contextlib.suppress(Error, OSError):
                await self._connection.close()


spec = SourceSpec(
    name="nats",
    title="NATS",
    summary="Messages of a NATS subject.",
    guarantee=SOURCES["nats"],
    icon="nats",
    config=Config,
    create=NatsSource,
)
