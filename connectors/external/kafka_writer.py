"""Writes rows as records of a Kafka topic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from connectors import kafka_closing, kafka_cluster, kafka_producing
from connectors.external.row_values import Message, RowWriter
from connectors.formats.contract import FormatContext
from connectors.kafka_cluster import Cluster
from connectors.sink_contract import NotDelivered, Refusal, SinkContext, SinkRow, Unfit
from engine.errors import UserError
from engine.external_objects import External

BATCH_ROWS: Final = 1_000
EVENT_ID: Final = "X-Event-Id"


class KafkaWriter:
    """See `connectors.sink_contract.Sink`. An idempotent producer, acknowledged by all replicas. A
    row with a key goes where its key belongs, in order; without one the rows of a batch go to one
    partition, in order, those of the next batch to the next."""

    def __init__(
        self, external: External, cluster: Cluster, topic: str, context: SinkContext
    ) -> None:
        self._cluster = cluster
        self._topic = topic
        self._context = context
        format_ = FormatContext(context.clock, context.sleep, context.private)
        self._rows = RowWriter(external, context.columns, topic, format_)
        self._producer: Any = None
        self._turn = 0

    async def connect(self) -> None:
        """Reach the cluster and find the topic and, if there is one, the schema."""
        await self._rows.connect()
        await kafka_cluster.check_addresses(self._cluster, private=self._context.private)
        await self._open()

    async def _open(self) -> None:
        """A producer, in place of the one before."""
        await self._leave()
        self._producer = await kafka_producing.started(
            self._cluster, self._topic, private=self._context.private
        )

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send them and wait until all replicas have them."""
        from aiokafka.errors import KafkaError, MessageSizeTooLargeError

        try:
            await self._ready()
            partitions = sorted(await self._producer.partitions_for(self._topic))
            turn = partitions[self._turn % len(partitions)]
            self._turn += 1
            refused, messages = self._rows.messages(rows)
            sent = [await self._send(rows[at], message, turn) for at, message in messages]
            await asyncio.gather(*sent)
        except MessageSizeTooLargeError:
            await self._leave()  # its numbers have a gap; a new one is made for the next rows
            raise Unfit(f"The topic {self._topic} does not take a record of this size.") from None
        except UserError as error:  # of a new producer
            raise NotDelivered(error.message, reconnect=True) from None
        except (KafkaError, OSError, TimeoutError) as error:
            # Whatever the producer's own state is now: a new one has a clean one.
            failure = kafka_cluster.unreachable(self._cluster, error)
            raise NotDelivered(failure.message, reconnect=True) from None
        return refused

    async def _ready(self) -> None:
        if self._producer is None:
            await self._open()

    async def _send(self, row: SinkRow, message: Message, turn: int) -> Any:
        return await self._producer.send(
            self._topic,
            message.value,
            key=message.key,
            partition=turn if message.key is None else None,
            headers=[(EVENT_ID, row.event_id.encode()), *message.headers],
        )

    async def close(self) -> None:
        """Leave the cluster."""
        await self._rows.close()
        await self._leave()

    async def _leave(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await kafka_closing.stopped(producer)
