"""Sink `pulsar`: a message of a topic for each row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final, Literal

import msgspec

from connectors import checking, pulsar_channels, pulsar_connection
from connectors.checking import Reach
from connectors.contract import CheckStep
from connectors.pulsar_channels import Message, Outgoing
from connectors.pulsar_connection import Connection
from connectors.row_json import ObjectWriter
from connectors.sink_contract import (
    Delivery,
    NotDelivered,
    Refusal,
    SinkContext,
    SinkRow,
    SinkSpec,
)

EVENT_ID: Final = "X-Event-Id"
# The number of a row is that of its append, then this many bits for its place in it.
ROW_BITS: Final = 28
TOO_BIG: Final = "MessageTooBig"


class Config(pulsar_connection.Cluster, frozen=True, kw_only=True):
    """Properties of a Pulsar sink."""

    batch_count: Annotated[
        int,
        msgspec.Meta(
            title="Batch",
            description="Rows sent together.",
            ge=1,
            le=pulsar_connection.PENDING_MESSAGES_MAX,
        ),
    ] = 1000
    data_type: Annotated[
        Literal["json"],
        msgspec.Meta(title="Data type", description="json: the row as an object."),
    ] = "json"


class PulsarSink:
    """See `connectors.sink_contract.Sink`. The rows of an append go to one partition, in order.

    A producer has the name of the sink's query and a message the number of its row, so that a
    broker that keeps those (deduplication) stores no row twice: what comes again comes in the same
    batch, and the partition follows from the row.
    """

    def __init__(self, config: Config, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._objects = ObjectWriter(context.columns)
        self._connection: Connection | None = None
        self._partitions: list[str] = []
        self._producers: dict[tuple[str, str], Outgoing] = {}

    async def connect(self) -> None:
        """Reach the cluster and find the topic."""
        context = self._context
        self._connection = await pulsar_connection.connect(
            self._config, context.clock, private=context.private
        )
        self._partitions = await self._connection.partitions()

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No producer is made."""
        context = self._context

        async def open_() -> None:
            self._connection = await pulsar_connection.connect(
                self._config, context.clock, private=context.private
            )

        async def topic() -> str:
            return f"{await pulsar_connection.topic_of(self._connection)}; writing is not tried."

        return checking.steps(
            context.clock,
            *Reach(self._config.addresses(), private=context.private).steps,
            ("client", open_),
            ("topic", topic),
        )

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send them and wait until the brokers have stored all."""
        connection = self._connection
        if connection is None:
            raise NotDelivered("The sink is not connected.", reconnect=True)
        await connection.refresh()
        refused: list[Refusal] = []
        parts: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            parts.setdefault(self._partition(row), []).append(index)
        for partition, indices in parts.items():
            producer = await self._producer(connection, partition, rows[indices[0]])
            refused += await self._send(producer, rows, indices)
        return refused

    def _partition(self, row: SinkRow) -> str:
        return self._partitions[row.position.sn % len(self._partitions)]

    async def _producer(self, connection: Connection, partition: str, row: SinkRow) -> Outgoing:
        name = ""
        if self._is_numbered(row):
            name = f"tailrace-{row.event_id.rsplit('-', 2)[0]}"  # the sink and its query
        found = self._producers.get((partition, name))
        if found is None:
            found = await connection.producer(partition, name)
            self._producers[partition, name] = found
        if not found.connected:
            raise NotDelivered("Pulsar: the connection was lost.", reconnect=True)
        return found

    def _is_numbered(self, row: SinkRow) -> bool:
        """Whether it has a place: neither the message of an alert nor a dead letter has one."""
        return self._context.purpose == "rows" and row.position.sn >= 0

    async def _send(
        self, producer: Outgoing, rows: Sequence[SinkRow], indices: Sequence[int]
    ) -> list[Refusal]:
        messages = [self._message(rows[index]) for index in indices]
        results = await producer.send(messages)
        refused: list[Refusal] = []
        for index, message, result in zip(indices, messages, results, strict=True):
            size = len(message.data)
            if result == TOO_BIG and size > pulsar_channels.ENTRY_BYTES_MAX:  # it was alone
                refused.append(Refusal(index, f"The broker takes no message of {size} bytes."))
            elif result != pulsar_channels.OK:
                # Whatever the producer's own state is now: a new one has a clean one.
                raise NotDelivered(f"Pulsar did not take the rows: {result}.", reconnect=True)
        return refused

    def _message(self, row: SinkRow) -> Message:
        number = -1
        if self._is_numbered(row):
            number = (row.position.sn << ROW_BITS) + row.position.row
        properties = {EVENT_ID: row.event_id, **dict(row.headers)}
        return Message(self._objects.write(row.values), properties, number)

    async def close(self) -> None:
        """Leave the cluster."""
        if self._connection is not None:
            await self._connection.close()


def delivery(config: Config, _: SinkContext) -> Delivery:
    """In order, until the cluster takes them; what is repeated in the same batches."""
    return Delivery(rows=config.batch_count, exact=True)


spec = SinkSpec(
    name="pulsar",
    title="Apache Pulsar",
    summary="A message of a Pulsar topic for each row.",
    guarantee="at least once",
    icon="pulsar",
    config=Config,
    create=PulsarSink,
    delivery=delivery,
)
