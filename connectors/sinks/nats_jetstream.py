"""Sink `nats_jetstream`: a message of a JetStream stream for each row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from connectors import checking, jetstream_looks, nats_connection, nats_publishing
from connectors.contract import CheckStep
from connectors.nats_publishing import Publisher
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow, SinkSpec

BATCH_ROWS: Final = 256
# By it the server drops a message that it has, for as long as the stream's duplicate window says.
MESSAGE_ID: Final = "Nats-Msg-Id"


class Config(nats_publishing.Target, frozen=True, kw_only=True):
    """Properties of a JetStream sink."""

    subject: Annotated[
        str,
        msgspec.Meta(title="Subject", description="Where the messages go; no wildcards."),
        msgspec.Meta(min_length=1, max_length=1_000),
    ]
    stream: Annotated[
        str,
        msgspec.Meta(
            title="Stream", description="The stream that must take the subject; any one if empty."
        ),
    ] = ""


class JetStreamSink(Publisher):
    """See `connectors.sink_contract.Sink`. Delivered is what the stream has acknowledged."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        super().__init__(config, context)
        self._stream = config.stream

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`."""
        return checking.steps(self._context.clock, *self._steps(), ("stream", self._look))

    async def _look(self) -> str:
        found = await jetstream_looks.stream_of(self.connection, self._stream, self.subject)
        return (
            f"The stream {found.config.name} takes {self.subject}; publishing to it is not tried."
        )

    async def suggest(self, field: str) -> list[str]:
        """Streams, and their subjects without wildcards."""
        await self.connect()
        found = await jetstream_looks.streams(self.connection)
        if field == "stream":
            return [each.config.name for each in found]
        return [
            subject
            for each in found
            if self._stream in ("", each.config.name)
            for subject in each.config.subjects or []
            if not {"*", ">"} & set(subject.split("."))
        ]

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Publish them and wait until the stream has stored all."""
        from nats.errors import Error

        refused, messages = self.messages(rows)
        context = self.connection.jetstream()
        stream = self._stream or None
        waiting: list[asyncio.Future[Any]] = []
        try:
            for payload, headers in messages:
                headers[MESSAGE_ID] = headers[nats_publishing.EVENT_ID]
                waiting.append(
                    await context.publish_async(
                        self.subject, payload, stream=stream, headers=headers
                    )
                )
        except (Error, OSError) as error:
            for future in waiting:
                future.cancel()
            raise nats_publishing.not_taken(nats_publishing.reason(error)) from None
        await self.confirmed(asyncio.gather(*waiting))
        return refused


def _delivery(_: Config, context: SinkContext) -> Delivery:
    return Delivery(rows=BATCH_ROWS)


spec = SinkSpec(
    name="nats_jetstream",
    title="NATS JetStream",
    summary="A message of a JetStream stream for each row.",
    guarantee="at least once",
    icon="nats",
    config=Config,
    create=JetStreamSink,
    delivery=_delivery,
    client=("nats", "nats.js.api", "nats.js.errors"),
    suggests={
        "stream": nats_connection.REACHED_BY,
        "subject": nats_connection.REACHED_BY | {"stream"},
    },
)
