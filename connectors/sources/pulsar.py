"""Source `pulsar`: messages of a topic, acknowledged once they are durable."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import checking, messages, pulsar_connection
from connectors.checking import Reach
from connectors.contract import CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from connectors.pulsar_channels import Incoming
from connectors.pulsar_connection import Connection, SubscriptionType
from connectors.pulsar_positions import PulsarPositions
from engine.errors import UserError

# Looked at without a pause: a few milliseconds.
TAKEN_MESSAGES_MAX: Final = 1_000
# So often an access token that is about to end is looked for while no message comes.
TAKE_SECONDS: Final = 5.0
PREVIEW: Final = "preview"
SUBSCRIPTION_PREFIX: Final = "timeplus-source-"
ORDERED: Final = ("exclusive", "failover")


class Config(pulsar_connection.Cluster, frozen=True, kw_only=True):
    """Properties of a Pulsar source."""

    data_type: messages.DataType = "json"
    offset: Annotated[
        Literal["earliest", "latest"],
        msgspec.Meta(
            title="Offset",
            description="Where a new subscription begins: at the first message or behind the last.",
        ),
    ] = "earliest"
    subscription: Annotated[
        str,
        msgspec.Meta(
            title="Subscription",
            description="Its name; timeplus-source- and the source's id if empty.",
        ),
    ] = ""
    subscription_type: Annotated[
        SubscriptionType,
        msgspec.Meta(
            title="Subscription type", description="Whether others may read with it, and how."
        ),
    ] = "exclusive"
    receiver_queue_size: Annotated[
        int,
        msgspec.Meta(
            title="Receiver queue",
            description="Messages of all partitions that may wait in the client.",
            ge=1,
            le=100_000,
        ),
    ] = pulsar_connection.QUEUE_DEFAULT


class PulsarSource:
    """See `connectors.contract.Source`. The subscription begins again behind what it has as
    acknowledged; what is stored already is known by its id and dropped."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._connection: Connection | None = None
        self._incoming: Incoming | None = None
        self._is_preview = context.source_id == PREVIEW
        self._subscription = config.subscription or SUBSCRIPTION_PREFIX + context.source_id
        self._ordered = config.subscription_type in ORDERED
        of = (sorted(config.addresses()), config.topic, self._subscription)
        self._positions = PulsarPositions(context.saved, *of, ordered=self._ordered)

    async def connect(self) -> None:
        """Connect and subscribe; a preview reads without a subscription."""
        config, context = self._config, self._context
        self._connection = await pulsar_connection.connect(
            config, context.clock, private=context.private
        )
        if self._is_preview:
            self._incoming = await self._connection.reader(config.offset)
            return
        self._incoming = await self._connection.subscribe(
            self._subscription,
            config.subscription_type,
            earliest=config.offset == "earliest",
            queue=config.receiver_queue_size,
        )

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What has arrived, when the runner has room: until then the broker waits."""
        connection, incoming = self._open()
        format_ = messages.FORMATS[self._config.data_type]
        while True:
            taken = await incoming.take(TAKEN_MESSAGES_MAX, TAKE_SECONDS)
            await connection.refresh()
            if taken:
                now = self._context.clock.monotonic()
                yield self._positions.batch(taken, format_, now)

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """In order once for each partition, else each message."""
        _, incoming = self._open()
        ids: dict[Any, Any] = {}
        for token in tokens:
            ids |= token  # type: ignore[operator]
        if self._ordered:
            await incoming.acknowledge_up_to(list(ids.values()))
        else:
            await incoming.acknowledge(list(ids.values()))

    def _open(self) -> tuple[Connection, Incoming]:
        if self._connection is None or self._incoming is None:
            raise UserError("The source is not connected.", 503, "orbit")
        return self._connection, self._incoming

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No subscription is made. Pulsar says nothing to a
        sign-in that it does not take: then it is the topic that has no answer."""
        context = self._context

        async def open_() -> None:
            self._connection = await pulsar_connection.connect(
                self._config, context.clock, private=context.private
            )

        return checking.steps(
            context.clock,
            *Reach(self._config.addresses(), private=context.private).steps,
            ("client", open_),
            ("topic", lambda: pulsar_connection.topic_of(self._connection)),
        )

    async def close(self) -> None:
        """Leave the subscription, which keeps its position."""
        if self._connection is not None:
            with contextlib.suppress(UserError):
                await self._connection.close()


spec = SourceSpec(
    name="pulsar",
    title="Apache Pulsar",
    summary="Messages of a Pulsar topic.",
    guarantee=SOURCES["pulsar"],
    icon="pulsar",
    config=Config,
    create=PulsarSource,
)
