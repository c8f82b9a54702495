"""Source `nats_jetstream`: messages of a JetStream stream, acknowledged once they are durable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import checking, duration, jetstream_looks, messages, nats_connection
from connectors.checking import Reach
from connectors.contract import CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from connectors.jetstream_positions import JetStreamPositions
from connectors.nats_pull import MADE_ANEW, Pull
from engine.errors import UserError

# A consumer of our own name that nobody asks for this long is removed by the server.
FORGET_SECONDS: Final = 7 * 86_400.0
PREVIEW_SECONDS: Final = 60.0
PREVIEW: Final = "preview"
FLUSH_SECONDS: Final = 2
# Ranges of stored messages beyond which it is asked what the consumer has as acknowledged.
RANGES_MAX: Final = 1_000
# Acknowledgements that are written at a time: 6 ms.
ACKS_AT_A_TIME: Final = 200
_REACHED_BY: Final = nats_connection.REACHED_BY
_CONSUMERS_BY: Final = _REACHED_BY | {"stream", "subject"}


class Config(nats_connection.Common, frozen=True, kw_only=True):
    """Properties of a JetStream source."""

    subject: Annotated[
        str,
        msgspec.Meta(
            title="Subject",
            description="Which messages, with wildcards; all of the stream if empty.",
        ),
    ] = ""
    stream: Annotated[
        str,
        msgspec.Meta(
            title="Stream",
            description="Name of the stream; found by the subject if empty. One of both is needed.",
        ),
    ] = ""
    queue: Annotated[
        str,
        msgspec.Meta(
            title="Queue group",
            description="Name of a durable consumer that others read from too; without durable.",
        ),
    ] = ""
    durable: Annotated[
        str,
        msgspec.Meta(
            title="Durable",
            description="Name of the durable consumer; one of the source's own if empty.",
        ),
    ] = ""
    deliver: Annotated[
        Literal["all", "last"],
        msgspec.Meta(
            title="Deliver",
            description="Where a new consumer begins, at the first message or the last; not with "
            "durable.",
        ),
    ] = "all"
    bind: Annotated[
        bool,
        msgspec.Meta(
            title="Bind", description="Use a consumer that is there, as it is, and never make one."
        ),
    ] = False
    ack_wait: Annotated[
        str,
        msgspec.Meta(
            title="Ack wait",
            description="A message that is not acknowledged for so long comes again; 1s to 1h.",
        ),
    ] = "30s"
    max_ack_pending: Annotated[
        int,
        msgspec.Meta(
            title="Most open",
            description="Messages that may be on their way to disk at a time.",
            ge=1,
            le=100_000,
        ),
    ] = 1024

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        self.urls()
        if not self.subject and not self.stream:
            raise ValueError("Property 'subject' or 'stream' must be given")
        if self.subject:
            nats_connection.check_filter(self.subject)
        if self.bind and not (self.durable or self.queue):
            raise ValueError("Property 'bind' needs 'durable'")
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
        self._consumer = ("", "")  # its stream, its name
        self._pull: Pull | None = None
        self._positions = JetStreamPositions({}, "")

    async def connect(self) -> None:
        """Connect; find or make the consumer."""
        from nats.errors import Error

        await self._open()
        try:
            found = await self._found()
            self._consumer = (found.stream_name, found.name)
            self._positions = await self._stored(found)
            self._pull = Pull(self._connection, found)
            await self._pull.begin()
        except (Error, TimeoutError, ValueError) as error:
            reason = getattr(error, "description", None) or str(error) or type(error).__name__
            raise UserError(f"JetStream refuses the consumer: {reason}.", 400, "orbit") from None

    async def _open(self) -> None:
        self._connection = await nats_connection.connect(
            self._config,
            f"tailrace source {self._context.source_id}",
            self._closed,
            private=self._context.private,
        )

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No consumer is made, and none is read."""
        return checking.steps(
            self._context.clock,
            *Reach(self._config.addresses(), private=self._context.private).steps,
            ("sign-in", self._open),
            ("stream", self._look_at_stream),
            ("consumer", self._look_at_consumer),
        )

    async def _look_at_stream(self) -> str:
        config = self._config
        found = await jetstream_looks.stream_of(self._connection, config.stream, config.subject)
        self._consumer = (found.config.name, config.durable or config.queue)
        return f"The stream {found.config.name} has {found.state.messages} messages."

    async def _look_at_consumer(self) -> str:
        stream, name = self._consumer
        if not name:
            return "The source makes one of its own when it starts."
        found = await jetstream_looks.consumer_of(self._connection, stream, name)
        if found is not None:
            return f"The consumer {name} has {found.num_pending} messages to deliver."
        if self._config.bind:
            raise UserError(f"The stream {stream} has no consumer {name!r}.", 400, "orbit")
        return f"The consumer {name} is made when the source starts."

    async def suggest(self, field: str) -> list[str]:
        """Streams, subjects of streams, durable consumers."""
        await self._open()
        config = self._config
        if field in ("durable", "queue"):
            stream = await jetstream_looks.stream_of(
                self._connection, config.stream, config.subject
            )
            return await jetstream_looks.consumers(self._connection, stream.config.name)
        found = await jetstream_looks.streams(self._connection)
        if field == "stream":
            return [each.config.name for each in found]
        return [
            subject
            for each in found
            if config.stream in ("", each.config.name)
            for subject in each.config.subjects or []
        ]

    async def _found(self) -> Any:
        """The consumer. One of our own name gets what the properties say now, but for where it
        began; another one that exists is used as it is."""
        from nats.js.errors import NotFoundError

        config = self._config
        context = self._connection.jetstream()
        stream = config.stream or await context.find_stream_name_by_subject(config.subject)
        wanted, is_own = self._wanted()
        if wanted.name is None:
            return await context.add_consumer(stream, wanted)
        try:
            found = await context.consumer_info(stream, wanted.name)
        except NotFoundError:
            if config.bind:
                raise
            return await context.add_consumer(stream, wanted)
        if not is_own:
            return found
        wanted.deliver_policy = found.config.deliver_policy
        return await context.add_consumer(stream, wanted)

    def _wanted(self) -> tuple[Any, bool]:
        """What the consumer is to be, and whether it is this source's alone. A preview has one
        without a name, which the server removes soon: nothing is taken from others."""
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        config = self._config
        is_preview = self._context.source_id == PREVIEW
        name = "" if is_preview else config.durable or config.queue
        is_own = not name and not is_preview
        if is_own:
            name = f"tailrace-{self._context.source_id}"
        policy = DeliverPolicy.LAST if config.deliver == "last" else DeliverPolicy.ALL
        wanted = ConsumerConfig(
            name=name or None,
            durable_name=name or None,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=policy,
            ack_wait=duration.seconds(config.ack_wait),
            max_ack_pending=config.max_ack_pending,
            filter_subject=config.subject or None,
        )
        if is_own or not name:
            wanted.inactive_threshold = FORGET_SECONDS if is_own else PREVIEW_SECONDS
        return wanted, is_own

    async def _stored(self, found: Any) -> JetStreamPositions:
        """What is stored of this stream and consumer; of a stream that was made anew nothing."""
        stream = await self._connection.jetstream().stream_info(found.stream_name)
        # Not in the loop: there may be 100,000 ranges.
        of = (found.stream_name, str(stream.created), found.name)
        positions = await asyncio.to_thread(JetStreamPositions, self._context.saved, *of)
        positions.since_ms = self._context.clock.now_ms()
        positions.acknowledged(found.ack_floor.stream_seq)
        return positions

    async def _closed(self) -> None:
        if self._pull is not None:
            self._pull.end("The connection to NATS was lost.")

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What came together, when the runner has room."""
        from nats.errors import Error

        assert self._pull is not None
        format_ = messages.FORMATS[self._config.data_type]
        while True:
            try:
                fetched = await self._pull.take()
                if len(self._positions) > RANGES_MAX:
                    await self._prune()
            except (Error, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                raise UserError(f"JetStream: {reason}.", 400, "orbit") from None
            now = self._context.clock.monotonic()
            for piece in messages.pieces(fetched, _size):
                batch = await self._positions.batch(piece, format_, now)
                if self._positions.made_anew:
                    # What was taken for known is not: it is not acknowledged, and comes again.
                    raise UserError(MADE_ANEW, 503, "orbit")
                yield batch

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Acknowledge each message; UserError when the connection is lost, or the consumer gone:
        one that was made anew would take it for an acknowledgement of its own messages."""
        from nats.errors import Error

        if self._pull is not None and self._pull.ended:
            raise UserError(self._pull.ended, 400, "orbit")
        try:
            for together in tokens:
                for index, message in enumerate(together, 1):  # type: ignore[arg-type, var-annotated]
                    await message.ack()
                    if index % ACKS_AT_A_TIME == 0:
                        await asyncio.sleep(0)
        except (Error, OSError):
            raise UserError("The connection to NATS was lost.", 400, "orbit") from None

    async def _prune(self) -> None:
        """What the consumer has as acknowledged does not come again."""
        info = await self._connection.jetstream().consumer_info(*self._consumer)
        self._positions.acknowledged(info.ack_floor.stream_seq)

    async def close(self) -> None:
        """Close the connection; the consumer keeps its position."""
        from nats.errors import Error

        if self._connection is None:
            return
        with contextlib.suppress(Error, OSError, TimeoutError):
            if self._pull is not None and not self._pull.ended:
                # Acknowledgements that are under way arrive: so nothing comes again for nothing.
                await self._connection.flush(FLUSH_SECONDS)
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
    client=("nats", "nats.js.api", "nats.js.errors"),
    suggests={
        "stream": _REACHED_BY,
        "subject": _REACHED_BY | {"stream"},
        "durable": _CONSUMERS_BY,
        "queue": _CONSUMERS_BY,
    },
)
