"""Producers of Kafka: how sinks and the writers of external streams reach a topic."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any, Final

from connectors import kafka_closing, kafka_cluster
from connectors.kafka_cluster import Cluster

# What a broker takes by default as one batch of records, less what surrounds it.
BATCH_BYTES_MAX: Final = 1_000_000


async def started(cluster: Cluster, topic: str, *, private: bool, **more: Any) -> Any:
    """An idempotent producer, acknowledged by all replicas, that knows the topic; UserError.

    `more`: options of the library beside those of the cluster. The caller has checked the
    addresses.
    """
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    producer: Any = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES_MAX,
        max_request_size=BATCH_BYTES_MAX,
        client_id="tailrace",
        **kafka_cluster.options(cluster),
        **more,
    )
    kafka_cluster.guard(producer.client, private=private)
    try:
        try:
            await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await kafka_cluster.explained(cluster, error) from None
        with told(cluster, topic):
            await producer.partitions_for(topic)
    except BaseException:
        await kafka_closing.stopped(producer)
        raise
    return producer


@contextlib.contextmanager
def told(cluster: Cluster, topic: str) -> Generator[None]:
    """What the library raises of a topic, as the UserError that it means."""
    from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

    try:
        yield
    except UnknownTopicOrPartitionError:
        raise kafka_cluster.no_topic(cluster, topic) from None
    except (KafkaError, OSError, TimeoutError) as error:
        raise kafka_cluster.unreachable(cluster, error) from None
