"""Sink `confluent_cloud`: Kafka under the name of Confluent Cloud."""

from __future__ import annotations

from connectors.sink_contract import SinkSpec
from connectors.sinks.kafka import SUGGESTS, Config, KafkaSink, delivery

spec = SinkSpec(
    name="confluent_cloud",
    title="Confluent Cloud",
    summary="A record of a Confluent Cloud topic for each row.",
    guarantee="at least once",
    icon="confluent_cloud",
    config=Config,
    create=KafkaSink,
    delivery=delivery,
    client=("aiokafka", "aiokafka.admin", "aiokafka.abc"),
    suggests=SUGGESTS,
)
