"""Source `nats_jetstream`: messages of a JetStream stream, acknowledged once they are durable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import duration, messages, nats_connection
from connectors.contract import SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from connectors.jetstream_positions import JetStreamPositions
from engine.errors import UserError

FETCH_MESSAGES: Final = 1_000
FETCH_SECONDS: Final = 5.0
# A consumer of our own name that nobody asks for this long is removed by the server.
FORGET_SECONDS: Final = 7 * 86_400.0
PREVIEW: Final = "preview"
# Ranges of stored messages beyond which it is asked what the consumer has as acknowledged.
RANGES_MAX: Final = 1_000


class Config(nats_connection.Common, frozen=True, kw_only=True):
    """Properties of a JetStream source."""

    subject: Annotated[
        str, msgspec.Meta(title="Subject", description="Which messages; all of `stream` if empty.")
    ] = ""
    stream: Annotated[
        str, msgspec.Meta(title="Stream", description="Where; found by the subject if empty.")
    ] = ""
    queue: Annotated[
        str, msgspec.Meta(title="Queue group", description="Share the messages with its others.")
    ] = ""
    durable: Annotated[
        str,
        msgspec.Meta(title="Durable", description="Consumer whose position the server keeps."),
    ] = ""
    deliver: Annotated[
        Literal["all", "last"],
        msgspec.Meta(title="Deliver", description="Where a new consumer begins."),
    ] = "all"
    bind: Annotated[
        bool, msgspec.Meta(title="Bind", description="Use a consumer that exists, make none.")
    ] = False
    ack_wait: Annotated[
        str,
        msgspec.Meta(title="Ack wait", description="After it an open message comes again."),
    ] = "30s"
    max_ack_pending: Annotated[
        int,
        msgspec.Meta(title="Most open", description="Messages that may be open.", ge=1, le=100_000),
    ] = 1024

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        self.urls()
        if not self.subject and not self.stream:
            raise ValueError("Property 'subject' or 'stream' must be given")
        if self.bind and not (self.stream and (self.durable or self.queue)):
            raise ValueError("Property 'bind' needs 'stream' and 'durable'")
        if self.durable and self.deliver != "all":
            raise ValueError("Property 'deliver' is for a source without 'durable'")
        try:
            wait = duration.seconds(self.ack_wait, "property 'ack_wait'")
        except UserError as error:
            raise ValueError(error.message.rstrip(".")) from error
        if not 1 <= wait <= 3600:
            raise ValueError("Property 'ack_wait' must be 1s to 1h")


class JetStreamSource:
    """See `connectors.contract.Source`. Without a durable consumer one is named after the source,
    so that a new life goes on where the last one was."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._connection: Any = None
        self._subscription: Any = None
        self._positions = JetStreamPositions({}, "")
        self._lost = asyncio.Event()

    async def connect(self) -> None:
        """Connect; find or make the consumer."""
        from nats.errors import Error

        self._connection = await nats_connection.connect(
            self._config,
            f"tailrace source {self._context.source_id}",
            self._closed,
            private=self._context.private,
        )
        try:
            self._subscription = await self._subscribe()
            self._positions = await self._stored()
        except (Error, TimeoutError, ValueError) as error:
            reason = getattr(error, "description", None) or str(error) or type(error).__name__
            raise UserError(f"JetStream refuses the consumer: {reason}.", 400, "orbit") from None

    async def _subscribe(self) -> Any:
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        config = self._config
        context = self._connection.jetstream()
        durable = config.durable or config.queue
        own = not durable and self._context.source_id != PREVIEW
        if config.bind:
            return await context.pull_subscribe_bind(durable, config.stream)
        policy = DeliverPolicy.LAST if config.deliver == "last" else DeliverPolicy.ALL
        wanted = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=policy,
            ack_wait=duration.seconds(config.ack_wait),
            max_ack_pending=config.max_ack_pending,
            inactive_threshold=FORGET_SECONDS if own else None,
        )
        name = f"tailrace-{self._context.source_id}" if own else durable
        return await context.pull_subscribe(
            config.subject, name or None, config.stream or None, wanted
        )

    async def _stored(self) -> JetStreamPositions:
        """What is stored of this stream and consumer; of a stream that was made anew nothing."""
        found = await self._subscription.consumer_info()
        stream = await self._connection.jetstream().stream_info(found.stream_name)
        positions = JetStreamPositions(
            self._context.saved, found.stream_name, str(stream.created), found.name
        )
        positions.since_ms = self._context.clock.now_ms()
        positions.acknowledged(found.ack_floor.stream_seq)
        return positions

    async def _closed(self) -> None:
        self._lost.set()

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What was fetched together, when the runner has room."""
        from nats.errors import Error

        format_ = messages.FORMATS[self._config.data_type]
        while not self._lost.is_set():
            try:
                fetched = await self._subscription.fetch(FETCH_MESSAGES, FETCH_SECONDS)
                if len(self._positions) > RANGES_MAX:
                    await self._prune()
            except TimeoutError:  # the library's own is one too: no message in that time
                continue
            except Error as error:
                reason = str(error) or type(error).__name__
                raise UserError(f"JetStream: {reason}.", 400, "orbit") from None
            now = self._context.clock.monotonic()
            for piece in messages.pieces(fetched, _size):
                yield self._positions.batch(piece, format_, now)
            if self._positions.made_anew:
                raise UserError("The stream or its consumer was made anew.", 503, "orbit")
        raise UserError("The connection to NATS was lost.", 400, "orbit")

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Acknowledge each message."""
        for together in tokens:
            for message in together:  # type: ignore[attr-defined]
                await message.ack()

    async def _prune(self) -> None:
        """What the consumer has as acknowledged does not come again."""
        info = await self._subscription.consumer_info()
        self._positions.acknowledged(info.ack_floor.stream_seq)

    async def close(self) -> None:
        """Close the connection; the consumer keeps its position."""
        from nats.errors import Error

        if self._connection is not None:
            with contextlib.suppress(Error, OSError):
                await self._connection.close()


def _size(message: Any) -> int:
    return len(message.data)


spec = SourceSpec(
    name="nats_jetstream",
    title="NATS JetStream",
    summary="Messages of a JetStream stream.",
    guarantee=SOURCES["nats_jetstream"],
    icon="nats",
    config=Config,
    create=JetStreamSource,
)
