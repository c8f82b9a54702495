"""Sink `nats`: a message for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from connectors import nats_publishing
from connectors.nats_publishing import Publisher
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow, SinkSpec

BATCH_ROWS: Final = 256


class Config(nats_publishing.Target, frozen=True, kw_only=True):
    """Properties of a NATS sink."""

    subject: Annotated[
        str,
        msgspec.Meta(title="Subject", description="Where the messages go; no wildcards."),
        msgspec.Meta(min_length=1, max_length=1_000),
    ]


class NatsSink(Publisher):
    """See `connectors.sink_contract.Sink`. Delivered is what the server has read; NATS itself keeps
    nothing for subscribers that are away."""

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Publish them and wait until the server has read them."""
        from nats.errors import Error

        refused, messages = self.messages(rows)
        try:
            for payload, headers in messages:
                await self.connection.publish(self.subject, payload, headers=headers)
        except (Error, OSError) as error:
            raise nats_publishing.not_taken(nats_publishing.reason(error)) from None
        await self.confirmed(self.connection.flush(nats_publishing.REPLY_SECONDS))
        return refused


def _delivery(_: Config, context: SinkContext) -> Delivery:
    return Delivery(rows=BATCH_ROWS)


spec = SinkSpec(
    name="nats",
    title="NATS",
    summary="A message on a NATS subject for each row.",
    guarantee="at least once",
    icon="nats",
    config=Config,
    create=NatsSink,
    delivery=_delivery,
    client=("nats", "nats.js.api", "nats.js.errors"),
)
