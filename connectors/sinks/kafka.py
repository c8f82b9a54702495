"""Sink `kafka`: a record for each row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from connectors import kafka_cluster
from connectors.row_json import ObjectWriter
from connectors.sink_contract import (
    Delivery,
    NotDelivered,
    Refusal,
    SinkContext,
    SinkRow,
    SinkSpec,
    Unfit,
)

# What a broker takes by default as one batch of records, less what surrounds it.
BATCH_BYTES_MAX: Final = 1_000_000
EVENT_ID: Final = "X-Event-Id"
# What waits in a client that is given up ends by itself within its own deadline.
CLOSE_SECONDS: Final = 3.0
_ending: Final[set[asyncio.Task[None]]] = set()


class Config(kafka_cluster.Cluster, frozen=True, kw_only=True):
    """Properties of a Kafka sink."""

    topic: Annotated[
        str,
        msgspec.Meta(title="Topic", description="Where the records go."),
        msgspec.Meta(min_length=1, max_length=249),
    ]
    batch_count: Annotated[
        int,
        msgspec.Meta(title="Batch", description="Rows sent together.", ge=1, le=10_000),
    ] = 1000
    data_type: Annotated[
        Literal["json"],
        msgspec.Meta(title="Data type", description="json: the row as an object."),
    ] = "json"


class KafkaSink:
    """See `connectors.sink_contract.Sink`. Rows of a batch go to one partition, in order; the next
    batch to the next partition. An idempotent producer, acknowledged by all replicas."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._objects = ObjectWriter(context.columns)
        self._producer: Any = None
        self._turn = 0

    async def connect(self) -> None:
        """Reach the cluster and find the topic."""
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaError

        config = self._config
        await kafka_cluster.check_addresses(config, private=self._context.private)
        self._producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=BATCH_BYTES_MAX,
            client_id="tailrace",
            **kafka_cluster.options(config),
        )
        try:
            await self._producer.start()
            await self._producer.partitions_for(config.topic)
        except (KafkaError, OSError, TimeoutError) as error:
            raise kafka_cluster.unreachable(config, error) from None

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send them and wait until all replicas have them."""
        from aiokafka.errors import KafkaError, MessageSizeTooLargeError

        topic = self._config.topic
        try:
            partitions = sorted(await self._producer.partitions_for(topic))
            partition = partitions[self._turn % len(partitions)]
            self._turn += 1
            for batch in self._batches(rows):
                await (await self._producer.send_batch(batch, topic, partition=partition))
        except MessageSizeTooLargeError:
            raise Unfit(f"The topic {topic} does not take a record of this size.") from None
        except (KafkaError, OSError, TimeoutError) as error:
            # Whatever the producer's own state is now: a new one has a clean one.
            failure = kafka_cluster.unreachable(self._config, error)
            raise NotDelivered(failure.message, reconnect=True) from None
        return ()

    def _batches(self, rows: Sequence[SinkRow]) -> list[Any]:
        """Record batches that a broker takes; a row that is larger is alone in one, for the topic
        may take more."""
        batches = [self._producer.create_batch()]
        for row in rows:
            if not self._append(batches[-1], row):
                batches.append(self._producer.create_batch())
                self._append(batches[-1], row)
        return batches

    def _append(self, builder: Any, row: SinkRow) -> bool:
        headers = [(EVENT_ID, row.event_id.encode())]
        headers += [(name, value.encode()) for name, value in row.headers]
        value = self._objects.write(row.values)
        return builder.append(key=None, value=value, timestamp=None, headers=headers) is not None

    async def close(self) -> None:
        """Leave the cluster."""
        if self._producer is not None:
            task = asyncio.create_task(_stop(self._producer))
            _ending.add(task)
            task.add_done_callback(_ending.discard)
            await asyncio.wait([task], timeout=CLOSE_SECONDS)


async def _stop(producer: Any) -> None:
    from aiokafka.errors import KafkaError

    try:
        await producer.stop()
    except (KafkaError, OSError):
        return


def delivery(config: Config, _: SinkContext) -> Delivery:
    """In order, until the cluster takes them."""
    return Delivery(rows=config.batch_count)


spec = SinkSpec(
    name="kafka",
    title="Kafka",
    summary="A record of a Kafka topic for each row.",
    guarantee="at least once",
    icon="kafka",
    config=Config,
    create=KafkaSink,
    delivery=delivery,
)
